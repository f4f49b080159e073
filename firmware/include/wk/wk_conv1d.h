/* Convolution over time, ReLU and max pooling in one pass over int8 activations.
 *
 * The maximum is taken over accumulators, before they become int8: requantization never decreases
 * with its input, so the bits are those of pooling afterwards, for a fraction of the work. No
 * column is ever copied out of the input: a window is already contiguous in time.
 */
#ifndef WK_CONV1D_H
#define WK_CONV1D_H

#include <stdint.h>

#include "wk/wk_layer.h"

typedef struct {
    const int8_t *tiles;   /* for wk_conv1d_tiles, or NULL */
    const wk_tap_t *taps;  /* for wk_conv1d_taps, or NULL */
    wk_outputs_t outputs;
    uint16_t window;       /* values one convolution sees: kernel * in_channels */
    uint16_t step;         /* values from one convolution to the next: stride * in_channels */
    uint8_t pool;          /* convolutions an output is the maximum of; 1 is no pooling */
    uint8_t pool_stride;   /* convolutions from one output to the next */
} wk_conv1d_t;

/* Bytes of scratch, aligned to 4, that one call needs. Literals make it a constant. */
#if defined(WK_TARGET_DSP)
#define WK_CONV1D_TILES_SCRATCH(window, step, pool) \
    (((pool) > 1 ? ((pool) - 1) * (step) : (step)) * 2u + WK_TILES(window) * 32u)
#define WK_CONV1D_TAPS_SCRATCH(window, step, pool, pool_stride, steps) \
    ((((steps) - 1) * (pool_stride) + (pool)) * (step) * 2u + WK_TAP_PAIRS_OF(window) * 4u)
#else
#define WK_CONV1D_TILES_SCRATCH(window, step, pool) 0
#define WK_CONV1D_TAPS_SCRATCH(window, step, pool, pool_stride, steps) 0
#endif

/* Write `steps` outputs of every channel, [step][channel]. in holds at least
 * ((steps - 1) * pool_stride + pool - 1) * step + window values; nothing past them is read.
 * in_channels must be a multiple of 4. out may not overlap in. */
void wk_conv1d_tiles(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                     void *scratch);

/* The same for any number of in_channels, and for windows too long for wk_conv1d_tiles: with DSP
 * instructions the weights are twice as large. */
void wk_conv1d_taps(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                    void *scratch);

/* The two again, faster, where pool is 2, the number of channels is a multiple of 4, and
 * wk_engine_config.h promises WK_SMALL_SHIFTS and rounds WK_ROUND_AWAY or WK_ROUND_UP. */
void wk_conv1d_tiles_max2(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                          void *scratch);
void wk_conv1d_taps_max2(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                         void *scratch);

#endif
