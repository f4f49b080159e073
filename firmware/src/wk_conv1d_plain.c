#include "wk/wk_target.h"

#if defined(WK_TARGET_PLAIN)

#include "wk/wk_conv1d.h"
#include "wk/wk_requantize.h"
#include "wk_plain.h"

/* The largest of the convolutions that one output of one channel pools. */
static int32_t pooled(const wk_conv1d_t *layer, const int8_t *weights, uint16_t pitch,
                      const int8_t *in)
{
    int32_t largest = wk_plain_dot(weights, pitch, in, layer->window);
    uint8_t i;

    for (i = 1; i < layer->pool; i++) {
        int32_t sum;

        in += layer->step;
        sum = wk_plain_dot(weights, pitch, in, layer->window);
        largest = sum > largest ? sum : largest;
    }
    return largest;
}

static int8_t output(const wk_conv1d_t *layer, uint16_t index, int32_t sum)
{
    const wk_channel_t channel = wk_channel(&layer->outputs.channels[index]);

    return wk_requantize(sum + channel.bias, &channel, &layer->outputs, WK_CONV_ROUNDING);
}

void wk_conv1d_tiles(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                     void *scratch)
{
    const uint32_t group_bytes = (uint32_t)WK_TILES(layer->window) * WK_TILE_BYTES;
    uint16_t c;

    (void)scratch;
    for (; steps > 0; steps--) {
        for (c = 0; c < layer->outputs.count; c++) {
            const int8_t *weights = layer->tiles + (c / 4u) * group_bytes + (c % 4u) * 16u;

            *out++ = output(layer, c, pooled(layer, weights, WK_TILE_BYTES, in));
        }
        in += layer->pool_stride * layer->step;
    }
}

void wk_conv1d_taps(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                    void *scratch)
{
    const uint16_t row = (uint16_t)WK_TAPS(layer->window);
    uint16_t c;

    (void)scratch;
    for (; steps > 0; steps--) {
        for (c = 0; c < layer->outputs.count; c++) {
            const int8_t *weights = layer->taps + (uint32_t)c * row;

            *out++ = output(layer, c, pooled(layer, weights, 16, in));
        }
        in += layer->pool_stride * layer->step;
    }
}

#else
typedef int wk_conv1d_plain_is_not_built;
#endif
