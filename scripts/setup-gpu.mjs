// Puts the optional peer `webgpu` (Dawn, 130 MB) where a clone finds it: installed in test/gpu, linked into node_modules.
// A project that depends on bitlane runs `npm install webgpu` instead.
import { rmSync, symlinkSync } from 'node:fs';
import { installFolder } from './install.mjs';

installFolder('.');
installFolder('test/gpu');
// The judge of gradients: small, and of use to the tests only.
installFolder('test/jax');
rmSync('node_modules/webgpu', { recursive: true, force: true });
symlinkSync('../test/gpu/node_modules/webgpu', 'node_modules/webgpu', 'junction');
