/* What the kernels in plain C share. */
#ifndef WK_PLAIN_H
#define WK_PLAIN_H

#include <stdint.h>

#include "wk/wk_layer.h"

/* The product of `count` inputs with one channel's weights, in tiles of two channels. */
static inline int32_t wk_plain_dot(const int8_t *weights, const int8_t *in, uint16_t count)
{
    int32_t sum = 0;

    while (count > 0) {
        const uint8_t part = (uint8_t)(count < 16 ? count : 16);
        uint8_t i;

        for (i = 0; i < part; i++) {
            sum += (int16_t)(WK_FLASH_I8(&weights[i]) * in[i]);
        }
        weights += WK_TILE2_BYTES;
        in += part;
        count = (uint16_t)(count - part);
    }
    return sum;
}

/* The products of the two channels of `tiles` with `count` inputs at x0 and at x1: every value that
 * is loaded is used twice. sums = {channel 0 x0, channel 0 x1, channel 1 x0, channel 1 x1}. */
static inline void wk_plain_dot_2x2(const int8_t *tiles, const int8_t *x0, const int8_t *x1,
                                    uint16_t count, int32_t *sums)
{
    int32_t first0 = 0;
    int32_t first1 = 0;
    int32_t second0 = 0;
    int32_t second1 = 0;

    while (count > 0) {
        const uint8_t part = (uint8_t)(count < 16 ? count : 16);
        const int8_t *const end = x0 + part;
        const int8_t *weights = tiles;

        for (; x0 < end; x0++, x1++, weights++) {
            const int8_t first = WK_FLASH_I8(&weights[0]);
            const int8_t second = WK_FLASH_I8(&weights[16]);

            first0 += (int16_t)(first * *x0);
            first1 += (int16_t)(first * *x1);
            second0 += (int16_t)(second * *x0);
            second1 += (int16_t)(second * *x1);
        }
        tiles += WK_TILE2_BYTES;
        count = (uint16_t)(count - part);
    }
    sums[0] = first0;
    sums[1] = first1;
    sums[2] = second0;
    sums[3] = second1;
}

#endif
