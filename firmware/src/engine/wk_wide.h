/* Inner products with the DSP instructions of Cortex-M4, M7 and M33.
 *
 * SMLAD multiplies two pairs of 16-bit numbers and adds both products. The usual way widens four
 * int8 weights to two such pairs first, which costs as much as the multiplications. Here the four
 * weights w0..w3 of a word are used as they lie in memory: as the pair
 *
 *     R = (256 w1 + w0, 256 w3 + w2)            and, widened by one SXTB16, as    E = (w0, w2).
 *
 * The inputs x0..x3 are prepared once for all channels, with y = x - 127:
 *
 *     A = (256 x0 - y1, 256 x2 - y3)            B = (y1, y3)
 *
 * so that  E * A + R * B = 256 (w0 x0 + w1 y1 + w2 x2 + w3 y3). A sum is kept times 256 and has 24
 * bits of its own; 127 times the sum of the odd weights is part of the bias (WK_TILED_BIAS). A and
 * B always fit: y lies in -255..0, so 256 x - y lies in -32768..32767.
 */
#ifndef WK_WIDE_H
#define WK_WIDE_H

#include <stdint.h>

#include "wk/wk_layer.h"

/* Prepare 4 * words inputs: out gets the pairs A, B of every four. in may be unaligned, and may lie
 * in the upper half of out. */
void wk_wide_inputs(const int8_t *in, uint32_t words, int32_t *out);

/* Widen int8 to int16, as they are. */
static inline void wk_wide_samples(const int8_t *in, uint32_t count, int16_t *out)
{
    while (count-- > 0) {
        *out++ = *in++;
    }
}

/* Times 256: the products of both channels of `tiles` with the inputs at x0 and at x1; sums =
 * {channel 0 x0, channel 0 x1, channel 1 x0, channel 1 x1}. x0 and x1 hold 8 pairs a tile. */
void wk_wide_dot_2x2(const int8_t *tiles, const int32_t *x0, const int32_t *x1, uint32_t count,
                     int32_t *sums);

/* Times 256: the products of four channels, two of them at `tiles` and two at `next`, with the
 * inputs at x. */
void wk_wide_dot_4x1(const int8_t *tiles, const int8_t *next, const int32_t *x, uint32_t count,
                     int32_t *sums);

/* Times 256: the products of the four channels of one dense tile with the inputs at x. */
void wk_wide_dot_4(const int8_t *tiles, const int32_t *x, uint32_t count, int32_t *sums);

/* As wk_wide_dot_2x2, with the taps of two channels and int16 inputs, `pairs` of each; not times
 * 256. x1 need not be aligned. */
void wk_wide_taps_2x2(const wk_tap_t *taps, const int16_t *x0, const int16_t *x1, uint32_t pairs,
                      int32_t *sums);

/* What the two functions below need to know of a layer; they read it by position. */
typedef struct {
    const void *weights;
    int32_t zero_point2;          /* 2 * zero point + 1 */
    const wk_channel_t *channels;
    uint32_t channel_pairs;
    uint32_t count;               /* tiles, or pairs of taps, of one channel */
    uint32_t step;                /* bytes from the first window to the second */
} wk_wide_layer_t;

/* One int8 output of every channel, the maximum of two windows, from prepared inputs. */
void wk_wide_tiles_max2(const wk_wide_layer_t *layer, const int32_t *x, int8_t *out);

/* The same with taps and int16 inputs. */
void wk_wide_taps_max2(const wk_wide_layer_t *layer, const int16_t *x, int8_t *out);

#endif
