#include "wk/wk_depthwise1d.h"

#include "wk/wk_requantize.h"

static int32_t channel_sum(const wk_depthwise1d_t *layer, const int8_t *weights, const int8_t *in,
                           uint16_t in_steps, int32_t first)
{
    int32_t sum = 0;
    uint16_t tap;

    for (tap = 0; tap < layer->kernel; tap++) {
        const int32_t at = first + tap;

        if (at >= 0 && at < (int32_t)in_steps) {
            const int16_t value = (int16_t)(in[at * layer->in_channels] - layer->in_zero_point);

            sum += (int32_t)WK_FLASH_I8(&weights[tap]) * value;
        }
    }
    return sum;
}

static int rounding_of(const wk_depthwise1d_t *layer, uint16_t c)
{
    const uint16_t blocks = (uint16_t)(layer->outputs.count / WK_DEPTHWISE_BLOCK);

    if (WK_CONV_ROUNDING == WK_ROUND_UP && c >= blocks * WK_DEPTHWISE_BLOCK) {
        return WK_ROUND_AWAY;
    }
    return WK_CONV_ROUNDING;
}

void wk_depthwise1d(const wk_depthwise1d_t *layer, const int8_t *in, uint16_t in_steps,
                    uint16_t steps, int8_t *out)
{
    const uint16_t each = (uint16_t)(layer->outputs.count / layer->in_channels);
    uint16_t step;
    uint16_t c;

    for (step = 0; step < steps; step++) {
        const int32_t first = (int32_t)step * layer->stride - layer->pad_before;

        for (c = 0; c < layer->outputs.count; c++) {
            const wk_channel_t channel = wk_channel(&layer->outputs.channels[c]);
            const int8_t *const weights = layer->weights + (uint32_t)c * layer->kernel;
            const int32_t sum = channel_sum(layer, weights, in + c / each, in_steps, first);

            *out++ = wk_requantize(sum + channel.bias, &channel, &layer->outputs,
                                   rounding_of(layer, c));
        }
    }
}
