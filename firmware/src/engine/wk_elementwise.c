#include "wk/wk_elementwise.h"

#include "wk/wk_requantize.h"

#define TERM_FACTOR ((int32_t)1 << 20)

void wk_lookup(const int8_t *table, const int8_t *in, uint32_t count, int8_t *out)
{
    while (count-- > 0) {
        *out++ = WK_FLASH_I8(&table[*in++ + 128]);
    }
}

static int32_t sum_of(const wk_add_t *layer, int32_t first, int32_t second)
{
#if WK_CONV_ROUNDING == WK_ROUND_FLOAT
    const int64_t half = (int64_t)1 << (layer->shift[2] - 1);
    const int64_t terms = (int64_t)layer->multiplier[0] * first +
                          (int64_t)layer->multiplier[1] * second + half;

    return (int32_t)(terms >> layer->shift[2]);
#else
    const int32_t terms =
        wk_round_twice(first * TERM_FACTOR, layer->multiplier[0], layer->shift[0], 0) +
        wk_round_twice(second * TERM_FACTOR, layer->multiplier[1], layer->shift[1], 0);

    return wk_round_twice(terms, layer->multiplier[2], layer->shift[2], 0);
#endif
}

void wk_add(const wk_add_t *layer, const int8_t *first, const int8_t *second, uint32_t count,
            int8_t *out)
{
    while (count-- > 0) {
        const int32_t value = sum_of(layer, *first++ - layer->zero_point[0],
                                     *second++ - layer->zero_point[1]) +
                              layer->zero_point[2];

        *out++ = (int8_t)(value < layer->low    ? layer->low
                          : value > layer->high ? layer->high
                                                : value);
    }
}
