// The pair-table convolution of assembly/ in native 128-bit instructions: how much WebAssembly costs against them. One 3x3
// layer of packed bits, stride 1, zero padding as 0 bits (borders are not corrected: it is the inner loop that is compared),
// complete with tables, thresholds and packed output. Checks 500 outputs against bit-by-bit counting before it is timed.
//
//   cc -O3 -march=native pair_table.c -o pair_table && ./pair_table CHANNELS OUTPUTS SIZE ROUNDS
// prints the best and the median time of a layer in milliseconds.
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAIRS = 4, PIXELS = 2 * PAIRS, TRIPLES_PER_FLUSH = 10 };

static int channels, outputs, size, bytes, width;
static uint8_t *input, *weights, *tables, *output;
static int16_t *limits;
static uint8_t entries[256][16];

static uint32_t state = 1;
static uint32_t draw(void) {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

// For every two neighbouring pixels and 4 channels: mismatches with each of 16 weight nibbles, first pixel low, second high.
static void build_tables(void) {
  for (int y = 0; y < size + 2; y++) {
    const uint8_t *row = input + (size_t)y * width * bytes;
    uint8_t *to = tables + (size_t)y * (width - 1) * bytes * 32;
    for (int i = 0; i < (width - 1) * bytes; i++, to += 32) {
      const int a = row[i], b = row[i + bytes];
      memcpy(to, entries[(a & 15) | (b & 15) << 4], 16);
      memcpy(to + 16, entries[a >> 4 | (b & 240)], 16);
    }
  }
}

static inline void widen(__m128i *low, __m128i *high, __m128i count) {
  *low = _mm_add_epi16(*low, _mm_cvtepu8_epi16(count));
  *high = _mm_add_epi16(*high, _mm_unpackhi_epi8(count, _mm_setzero_si128()));
}

static void layer(void) {
  const __m128i mask = _mm_set1_epi8(15);
  const size_t table_row = (size_t)(width - 1) * bytes * 32;
  const int segment = 3 * bytes;
  build_tables();
  for (int y = 0; y < size; y++) {
    for (int x = 0; x < size; x += PIXELS) {
      const uint8_t *base = tables + y * table_row + (size_t)x * bytes * 32;
      for (int n = 0; n < outputs; n += 16) {
        const uint8_t *w = weights + (size_t)n * 3 * segment;
        __m128i low[PIXELS], high[PIXELS];
        for (int i = 0; i < PIXELS; i++) low[i] = high[i] = _mm_setzero_si128();
        for (int ky = 0; ky < 3; ky++) {
          const uint8_t *t = base + ky * table_row;
          for (int k = 0; k < segment;) {
            int end = k + 3 * TRIPLES_PER_FLUSH;
            if (end > segment) end = segment;
            __m128i count[PIXELS];
            for (int i = 0; i < PIXELS; i++) count[i] = _mm_setzero_si128();
            for (; k < end; k += 3, w += 48, t += 96) {
              for (int half = 0; half < 2; half++) {
                __m128i index[3];
                for (int j = 0; j < 3; j++) {
                  const __m128i b = _mm_load_si128((const __m128i *)(w + 16 * j));
                  index[j] = _mm_and_si128(half ? _mm_srli_epi16(b, 4) : b, mask);
                }
                for (int p = 0; p < PAIRS; p++) {
                  const uint8_t *at = t + (size_t)p * 2 * bytes * 32 + 16 * half;
                  __m128i sum = _mm_shuffle_epi8(_mm_load_si128((const __m128i *)at), index[0]);
                  sum = _mm_add_epi8(sum, _mm_shuffle_epi8(_mm_load_si128((const __m128i *)(at + 32)), index[1]));
                  sum = _mm_add_epi8(sum, _mm_shuffle_epi8(_mm_load_si128((const __m128i *)(at + 64)), index[2]));
                  count[2 * p] = _mm_add_epi8(count[2 * p], _mm_and_si128(sum, mask));
                  count[2 * p + 1] = _mm_add_epi8(count[2 * p + 1], _mm_and_si128(_mm_srli_epi16(sum, 4), mask));
                }
              }
            }
            for (int i = 0; i < PIXELS; i++) widen(&low[i], &high[i], count[i]);
          }
        }
        const __m128i l0 = _mm_loadu_si128((const __m128i *)(limits + n));
        const __m128i l1 = _mm_loadu_si128((const __m128i *)(limits + n + 8));
        for (int i = 0; i < PIXELS; i++) {
          const __m128i above = _mm_packs_epi16(_mm_cmpgt_epi16(low[i], l0), _mm_cmpgt_epi16(high[i], l1));
          const uint16_t bits = (uint16_t)~_mm_movemask_epi8(above);
          memcpy(output + ((size_t)y * size + x + i) * (outputs / 8) + n / 8, &bits, 2);
        }
      }
    }
  }
}

static int reference(int y, int x, int n) {
  int count = 0;
  for (int ky = 0; ky < 3; ky++)
    for (int k = 0; k < 3 * bytes; k++) {
      const uint8_t a = input[((size_t)(y + ky) * width + x) * bytes + k];
      const uint8_t w = weights[(size_t)(n / 16) * 9 * bytes * 16 + ((size_t)ky * 3 * bytes + k) * 16 + n % 16];
      count += __builtin_popcount(a ^ w);
    }
  return count <= limits[n];
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void *space(size_t n) {
  void *p = aligned_alloc(64, (n + 127) & ~(size_t)63);
  if (!p) exit(1);
  memset(p, 0, n);
  return p;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  channels = atoi(argv[1]), outputs = atoi(argv[2]), size = atoi(argv[3]);
  const int rounds = atoi(argv[4]);
  if (channels % 8 || outputs % 16 || size % PIXELS || rounds < 1) return 2;
  bytes = channels / 8, width = size + 2;
  for (int i = 0; i < 256; i++)
    for (int w = 0; w < 16; w++)
      entries[i][w] = (uint8_t)(__builtin_popcount((i & 15) ^ w) | __builtin_popcount((i >> 4) ^ w) << 4);
  input = space((size_t)width * width * bytes);
  weights = space((size_t)outputs * 9 * bytes);
  tables = space((size_t)width * (width - 1) * bytes * 32);
  output = space((size_t)size * size * outputs / 8);
  limits = space((size_t)outputs * 2);
  for (int y = 1; y <= size; y++)
    for (int i = bytes; i < (width - 1) * bytes; i++) input[(size_t)y * width * bytes + i] = (uint8_t)draw();
  for (int i = 0; i < outputs * 9 * bytes; i++) weights[i] = (uint8_t)draw();
  for (int i = 0; i < outputs; i++) limits[i] = (int16_t)(channels * 9 / 2 + (int)(draw() % 41) - 20);
  layer();
  for (int i = 0; i < 500; i++) {
    const int y = draw() % size, x = draw() % size, n = draw() % outputs;
    const int bit = output[((size_t)y * size + x) * (outputs / 8) + n / 8] >> (n % 8) & 1;
    if (bit != reference(y, x, n)) {
      fprintf(stderr, "wrong output at %d, %d, %d\n", y, x, n);
      return 1;
    }
  }
  double *times = malloc(sizeof *times * (size_t)rounds);
  if (!times) return 1;
  for (int i = 0; i < rounds; i++) {
    const double start = now();
    layer();
    times[i] = now() - start;
  }
  qsort(times, (size_t)rounds, sizeof *times, ascending);
  printf("%.6f %.6f\n", times[0], times[rounds / 2]);
  return 0;
}
