/* The constants of a layer, as the kernels want them in flash.
 *
 * Activations are int8, [step][channel]; one call handles one row. A window is what one output
 * sees: kernel * in_channels consecutive values. Zero points of inputs are folded into the biases.
 */
#ifndef WK_LAYER_H
#define WK_LAYER_H

#include <stdint.h>

#include "wk/wk_engine_config.h"
#include "wk/wk_platform.h"
#include "wk/wk_target.h"

#define WK_ROUND_AWAY 0   /* TFLite Micro: twice, the second time ties away from zero */
#define WK_ROUND_UP 1     /* ruy: twice, ties up both times */
#define WK_ROUND_SINGLE 2 /* LiteRT's reference dense layer: float64 product, ties away from zero */
#define WK_ROUND_FLOAT 3  /* XNNPACK: float32 product, then ties to even */

/* One output channel. multiplier, shift and fraction are those of wk_requantize.h. */
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t shift;
#if WK_DENSE_ROUNDING == WK_ROUND_SINGLE
    int32_t fraction;
#endif
} wk_channel_t;

/* A channel's constants out of a WK_FLASH table. */
static inline wk_channel_t wk_channel(const wk_channel_t *in_flash)
{
#if defined(__AVR__)
    wk_channel_t channel;

    memcpy_P(&channel, in_flash, sizeof(channel));
    return channel;
#else
    return *in_flash;
#endif
}

/* Where the accumulators of a layer go: out = clamp(requantized + zero_point, low, high). */
typedef struct {
    const wk_channel_t *channels;
    uint16_t count;
    int8_t zero_point;
    int8_t low;
    int8_t high;
} wk_outputs_t;

/* Weights lie in tiles, 16 inputs of several output channels: of four in a dense layer (a, b, c and
 * d are one channel each), of two in a convolution. The tiles of one group of channels follow one
 * another. The last tile is filled up with zeros, and so is the last group of four channels.
 *
 * With DSP instructions a channel's weights are taken two at a time, as the 16-bit number
 * 256 * odd + even, so an odd weight borrows one when its even neighbour is negative; four inputs
 * of all channels of a tile lie side by side. See wk_wide.h. */
#if defined(WK_TARGET_DSP)
#define WK_WORD(p, q, r, s) (p), (q) - ((p) < 0), (r), (s) - ((r) < 0)
#define WK_TILE4(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, \
                 b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, \
                 c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, \
                 d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13, d14, d15) \
    WK_WORD(a0, a1, a2, a3), WK_WORD(b0, b1, b2, b3), \
    WK_WORD(c0, c1, c2, c3), WK_WORD(d0, d1, d2, d3), \
    WK_WORD(a4, a5, a6, a7), WK_WORD(b4, b5, b6, b7), \
    WK_WORD(c4, c5, c6, c7), WK_WORD(d4, d5, d6, d7), \
    WK_WORD(a8, a9, a10, a11), WK_WORD(b8, b9, b10, b11), \
    WK_WORD(c8, c9, c10, c11), WK_WORD(d8, d9, d10, d11), \
    WK_WORD(a12, a13, a14, a15), WK_WORD(b12, b13, b14, b15), \
    WK_WORD(c12, c13, c14, c15), WK_WORD(d12, d13, d14, d15)
#define WK_TILE2(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, \
                 b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15) \
    WK_WORD(a0, a1, a2, a3), WK_WORD(b0, b1, b2, b3), \
    WK_WORD(a4, a5, a6, a7), WK_WORD(b4, b5, b6, b7), \
    WK_WORD(a8, a9, a10, a11), WK_WORD(b8, b9, b10, b11), \
    WK_WORD(a12, a13, a14, a15), WK_WORD(b12, b13, b14, b15)
#else
#define WK_TILE4(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, \
                 b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, \
                 c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, \
                 d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13, d14, d15) \
    a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, \
    b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, \
    c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, \
    d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13, d14, d15
#define WK_TILE2(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, \
                 b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15) \
    a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, \
    b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15
#endif

#define WK_TILES(inputs) (((inputs) + 15u) / 16u) /* of one group of channels */
#define WK_TILE4_BYTES 64u
#define WK_TILE2_BYTES 32u

/* The bias of a channel of a tiled layer; odd_sum is the sum of its weights 1, 3, 5, ... With DSP
 * instructions the inputs at odd places are taken minus 127. */
#if defined(WK_TARGET_DSP)
#define WK_TILED_BIAS(bias, odd_sum) ((bias) + 127 * (odd_sum))
#else
#define WK_TILED_BIAS(bias, odd_sum) (bias)
#endif

/* Weights of a convolution whose windows do not start at multiples of four values. With DSP
 * instructions they are 16-bit numbers: two of one channel, two of the next, then the following
 * two of the first; an odd last one is followed by 0. Without, they lie in tiles of two. */
#if defined(WK_TARGET_DSP)
typedef int16_t wk_tap_t;
#define WK_TAP_PAIRS_OF(window) (((window) + 1u) / 2u)
#else
typedef int8_t wk_tap_t;
#endif

#endif
