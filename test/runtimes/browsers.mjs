// Browsers of this machine, driven without anything downloaded: Chromium through playwright-core, Firefox through BiDi.

const CHROMIUM_FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

/** Opens a page in Chromium while `use` runs. */
export async function withBrowser(executablePath, use, context = {}) {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
  try {
    const page = await (await browser.newContext(context)).newPage();
    page.setDefaultTimeout(60_000);
    return await use({ page, browserVersion: browser.version() });
  } finally {
    await browser.close();
  }
}

/** Opens a page in Firefox while `use` runs. */
export async function withFirefox(executablePath, use) {
  const { default: puppeteer } = await import('puppeteer-core');
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath,
    headless: true,
    extraPrefsFirefox: {
      'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false,
      'app.update.enabled': false,
      'datareporting.policy.dataSubmissionEnabled': false,
      'browser.safebrowsing.update.enabled': false,
    },
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(60_000);
    return await use({ page, browserVersion: (await browser.version()).replace(/^.*\//, '') });
  } finally {
    await browser.close();
  }
}
