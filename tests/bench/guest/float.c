/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Floating point: bodies under gravity, the Mandelbrot set, a linear system by elimination, and a
 * single-precision filter.
 */
#include "bench.h"

#include <math.h>
#include <string.h>

/* ---- n-body: five bodies, a leapfrog step at a time ---- */

#define N_BODIES 5
#define NBODY_STEPS 1000

typedef struct
{
  double x[3], v[3], mass;
} Body;

static const Body bodies_start[N_BODIES] = {
  { { 0, 0, 0 }, { 0, 0, 0 }, 39.5 },
  { { 4.8, -1.2, -0.1 }, { 0.6, 2.8, -0.02 }, 0.038 },
  { { 8.3, 4.1, -0.4 }, { -1.0, 1.8, 0.008 }, 0.011 },
  { { 12.9, -15.1, -0.2 }, { 1.1, 0.9, -0.01 }, 0.0017 },
  { { 15.4, -25.9, 0.2 }, { 1.0, 0.6, -0.03 }, 0.002 },
};

static double
energy (const Body *bodies)
{
  double e = 0;

  for (int i = 0; i < N_BODIES; i++)
    {
      const Body *a = &bodies[i];

      e += 0.5 * a->mass * (a->v[0] * a->v[0] + a->v[1] * a->v[1] + a->v[2] * a->v[2]);
      for (int j = i + 1; j < N_BODIES; j++)
        {
          double d2 = 0;

          for (int k = 0; k < 3; k++)
            d2 += (a->x[k] - bodies[j].x[k]) * (a->x[k] - bodies[j].x[k]);
          e -= a->mass * bodies[j].mass / sqrt (d2);
        }
    }
  return e;
}

static void
advance (Body *bodies, double dt)
{
  for (int i = 0; i < N_BODIES; i++)
    for (int j = i + 1; j < N_BODIES; j++)
      {
        Body  *a = &bodies[i], *b = &bodies[j];
        double dx = a->x[0] - b->x[0], dy = a->x[1] - b->x[1], dz = a->x[2] - b->x[2];
        double d2 = dx * dx + dy * dy + dz * dz;
        double pull = dt / (d2 * sqrt (d2));

        a->v[0] -= dx * b->mass * pull;
        a->v[1] -= dy * b->mass * pull;
        a->v[2] -= dz * b->mass * pull;
        b->v[0] += dx * a->mass * pull;
        b->v[1] += dy * a->mass * pull;
        b->v[2] += dz * a->mass * pull;
      }
  for (int i = 0; i < N_BODIES; i++)
    for (int k = 0; k < 3; k++)
      bodies[i].x[k] += dt * bodies[i].v[k];
}

static bool
run_nbody (uint64_t iterations)
{
  Body   bodies[N_BODIES];
  double before, after;

  memcpy (bodies, bodies_start, sizeof (bodies));
  before = energy (bodies);
  for (uint64_t i = 0; i < iterations * NBODY_STEPS; i++)
    advance (bodies, 0.001);
  after = energy (bodies);
  return fabs (after - before) < fabs (before) * 0.05;
}

/* ---- Mandelbrot ---- */

#define MANDEL_SIZE 32
#define MANDEL_DEPTH 200

static bool
run_mandelbrot (uint64_t iterations)
{
  uint64_t inside = 0;

  for (uint64_t i = 0; i < iterations; i++)
    {
      inside = 0;
      for (int py = 0; py < MANDEL_SIZE; py++)
        for (int px = 0; px < MANDEL_SIZE; px++)
          {
            double cx = 3.0 * px / MANDEL_SIZE - 2.0, cy = 2.4 * py / MANDEL_SIZE - 1.2;
            double x = 0, y = 0;
            int    depth = 0;

            while (depth < MANDEL_DEPTH && x * x + y * y < 4.0)
              {
                double t = x * x - y * y + cx;

                y = 2 * x * y + cy;
                x = t;
                depth++;
              }
            inside += depth == MANDEL_DEPTH;
          }
    }
  return inside == 222;
}

/* ---- a linear system by elimination with pivots ---- */

#define LIN_N 100
#define LIN_FLOPS (2.0 * LIN_N * LIN_N * LIN_N / 3 + 2.0 * LIN_N * LIN_N)

static double lin_a[LIN_N][LIN_N + 1], lin_b[LIN_N];

static __attribute__ ((noinline)) void
add_scaled (int n, double factor, const double *x, double *y)
{
  for (int i = 0; i < n; i++)
    y[i] += factor * x[i];
}

static void
solve (void)
{
  for (int k = 0; k < LIN_N; k++)
    {
      int pivot = k;

      for (int i = k + 1; i < LIN_N; i++)
        if (fabs (lin_a[i][k]) > fabs (lin_a[pivot][k]))
          pivot = i;
      if (pivot != k)
        {
          double t[LIN_N];
          double b = lin_b[k];

          memcpy (t, lin_a[k], sizeof (t));
          memcpy (lin_a[k], lin_a[pivot], sizeof (t));
          memcpy (lin_a[pivot], t, sizeof (t));
          lin_b[k] = lin_b[pivot];
          lin_b[pivot] = b;
        }
      for (int i = k + 1; i < LIN_N; i++)
        {
          double factor = -lin_a[i][k] / lin_a[k][k];

          add_scaled (LIN_N - k, factor, &lin_a[k][k], &lin_a[i][k]);
          lin_b[i] += factor * lin_b[k];
        }
    }
  for (int k = LIN_N - 1; k >= 0; k--)
    {
      lin_b[k] /= lin_a[k][k];
      for (int i = 0; i < k; i++)
        lin_b[i] -= lin_b[k] * lin_a[i][k];
    }
}

static bool
run_linpack (uint64_t iterations)
{
  double worst = 0;

  for (uint64_t n = 0; n < iterations; n++)
    {
      uint64_t seed = 1325;

      for (int i = 0; i < LIN_N; i++)
        {
          lin_b[i] = 0;
          for (int j = 0; j < LIN_N; j++)
            {
              lin_a[i][j] = (double) (bench_random (&seed) >> 11) / (1ull << 53) - 0.5;
              lin_b[i] += lin_a[i][j];
            }
        }
      solve ();
    }
  for (int i = 0; i < LIN_N; i++)
    worst = fmax (worst, fabs (lin_b[i] - 1));
  return worst < 1e-8;
}

/* ---- single precision: a cascade of second-order filters over a buffer ---- */

#define FILTER_SAMPLES 2048
#define FILTER_STAGES 4

static bool
run_single (uint64_t iterations)
{
  static float samples[FILTER_SAMPLES];
  float        energy_sum = 0;

  for (uint64_t i = 0; i < iterations; i++)
    {
      float z[FILTER_STAGES][2] = { { 0 } };
      float scale = 1.0f / 64;

      energy_sum = 0;
      for (int n = 0; n < FILTER_SAMPLES; n++)
        samples[n] = (float) (n % 64) * scale - 0.5f;
      for (int n = 0; n < FILTER_SAMPLES; n++)
        {
          float x = samples[n];

          for (int s = 0; s < FILTER_STAGES; s++)
            {
              float y = 0.2f * x + z[s][0];

              z[s][0] = 0.4f * x - -0.3f * y + z[s][1];
              z[s][1] = 0.2f * x - 0.1f * y;
              x = y;
            }
          samples[n] = x;
          energy_sum += x * x;
        }
      bench_use (samples);
    }
  return energy_sum > 1 && energy_sum < 10000;
}

const Bench float_benches[] = {
  { "nbody", "k steps/s", NBODY_STEPS * 1e-3, .run = run_nbody },
  { "mandelbrot", "runs/s", 1, .run = run_mandelbrot },
  { "linpack", "MFLOPS", LIN_FLOPS * 1e-6, .run = run_linpack },
  { "single", "M samples/s", FILTER_SAMPLES * 1e-6, .run = run_single },
  BENCH_END,
};
