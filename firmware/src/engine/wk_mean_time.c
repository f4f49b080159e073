#include "wk/wk_mean.h"
#include "wk/wk_requantize.h"

void wk_mean_time(const wk_mean_t *layer, const int8_t *in, uint16_t steps, uint16_t channels,
                  int8_t *out)
{
    uint16_t c;
    uint16_t i;

    for (c = 0; c < channels; c++) {
        int32_t value = layer->sum_offset;

        for (i = 0; i < steps; i++) {
            value += in[(uint32_t)i * channels + c];
        }
        value = layer->once ? wk_round_once(value, layer->multiplier, layer->shift)
                            : wk_round_twice(value, layer->multiplier, layer->shift,
                                             c < layer->up_channels);
        value += layer->offset;
        out[c] = (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
    }
}
