#include "wk/wk_target.h"

#if defined(WK_TARGET_PLAIN)

#include "wk/wk_dense.h"
#include "wk/wk_requantize.h"

/* The products of the four channels of `tiles` with `count` inputs: every input is loaded once. */
static void dot_4(const int8_t *tiles, const int8_t *in, uint16_t count, int32_t *sums)
{
    int32_t first = 0;
    int32_t second = 0;
    int32_t third = 0;
    int32_t fourth = 0;

    while (count > 0) {
        const uint8_t part = (uint8_t)(count < 16 ? count : 16);
        const int8_t *const end = in + part;
        const int8_t *weights = tiles;

        for (; in < end; in++, weights++) {
            first += (int16_t)(WK_FLASH_I8(&weights[0]) * *in);
            second += (int16_t)(WK_FLASH_I8(&weights[16]) * *in);
            third += (int16_t)(WK_FLASH_I8(&weights[32]) * *in);
            fourth += (int16_t)(WK_FLASH_I8(&weights[48]) * *in);
        }
        tiles += WK_TILE4_BYTES;
        count = (uint16_t)(count - part);
    }
    sums[0] = first;
    sums[1] = second;
    sums[2] = third;
    sums[3] = fourth;
}

void wk_dense(const wk_dense_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const wk_outputs_t *const outputs = &layer->outputs;
    const int8_t *tiles = layer->tiles;
    uint16_t at;

    (void)scratch;
    for (at = 0; at < outputs->count; at = (uint16_t)(at + 4)) {
        const uint16_t left = (uint16_t)(outputs->count - at);
        int32_t sums[4];
        uint16_t i;

        dot_4(tiles, in, layer->inputs, sums);
        for (i = 0; i < 4 && i < left; i++) {
            const wk_channel_t channel = wk_channel(&outputs->channels[at + i]);

            *out++ = wk_requantize(sums[i] + channel.bias, &channel, outputs, WK_DENSE_ROUNDING);
        }
        tiles += (uint32_t)WK_TILES(layer->inputs) * WK_TILE4_BYTES;
    }
}

#else
typedef int wk_dense_plain_is_not_built;
#endif
