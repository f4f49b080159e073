/* Samples between the sensor and everything that takes time: one side pushes, the other pops.
 *
 * The pusher may be an interrupt and the popper the main loop, or both one loop, as long as each
 * side is called from one place only, both run on the same core, and head and tail are read and
 * written in one access (any 32-bit core). Samples, head and tail are volatile, so that a compiler
 * keeps their order: a sample is whole before it is counted. Two cores see each other's stores in
 * another order and need a barrier of their own.
 */
#ifndef WK_RING_H
#define WK_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "wk/wk_platform.h"
#include "wk/wk_sample.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Samples held, on top of the sensor's own 32: 1.28 s at 50 Hz, half of that at 100 Hz. A power of
 * two, at most 32768. */
#ifndef WK_RING_MAX
#define WK_RING_MAX 64
#endif

/* Caller-owned, written by wk_ring_begin; its fields are the ring's own. */
typedef struct {
    volatile wk_sample_t samples[WK_RING_MAX];
    volatile uint16_t head; /* pushed so far, modulo 65536 */
    volatile uint16_t tail; /* popped so far */
} wk_ring_t;

void wk_ring_begin(wk_ring_t *out_ring);

/* False, and nothing is kept, when the ring is full. */
WK_MUST_CHECK bool wk_ring_push(wk_ring_t *ring, const wk_sample_t *sample);

/* False when the ring is empty; out_sample is then not written. */
WK_MUST_CHECK bool wk_ring_pop(wk_ring_t *ring, wk_sample_t *out_sample);

/* Samples waiting, 0 to WK_RING_MAX. */
uint16_t wk_ring_len(const wk_ring_t *ring);

#ifdef __cplusplus
}
#endif

#endif
