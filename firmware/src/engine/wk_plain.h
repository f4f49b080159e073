/* What the kernels in plain C share. */
#ifndef WK_PLAIN_H
#define WK_PLAIN_H

#include <stdint.h>

#include "wk/wk_layer.h"

/* The product of one channel's weights and `count` inputs. Weights come 16 at a time, `pitch`
 * bytes apart. */
static inline int32_t wk_plain_dot(const int8_t *weights, uint16_t pitch, const int8_t *in,
                                   uint16_t count)
{
    int32_t sum = 0;

    while (count > 0) {
        const uint8_t part = (uint8_t)(count < 16 ? count : 16);
        uint8_t i;

        for (i = 0; i < part; i++) {
            sum += (int16_t)(WK_FLASH_I8(&weights[i]) * in[i]);
        }
        weights += pitch;
        in += part;
        count = (uint16_t)(count - part);
    }
    return sum;
}

#endif
