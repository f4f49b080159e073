#include "wk/wk_pool1d.h"

typedef struct {
    uint16_t first;
    uint16_t end; /* one past the last */
} range_t;

/* The input steps that output `step` sees. */
static range_t seen(const wk_pool1d_t *pool, uint16_t in_steps, uint16_t step)
{
    const int32_t first = (int32_t)step * pool->stride - pool->pad_before;
    const int32_t end = first + pool->size;
    range_t range;

    range.first = (uint16_t)(first < 0 ? 0 : first);
    range.end = (uint16_t)(end > (int32_t)in_steps ? (int32_t)in_steps : end);
    return range;
}

void wk_max_pool1d(const wk_pool1d_t *pool, const int8_t *in, uint16_t in_steps, uint16_t steps,
                   int8_t *out)
{
    uint16_t step;
    uint16_t c;
    uint16_t i;

    for (step = 0; step < steps; step++) {
        const range_t range = seen(pool, in_steps, step);

        for (c = 0; c < pool->channels; c++) {
            int8_t largest = -128;

            for (i = range.first; i < range.end; i++) {
                const int8_t value = in[(uint32_t)i * pool->channels + c];

                largest = value > largest ? value : largest;
            }
            *out++ = largest;
        }
    }
}

void wk_average_pool1d(const wk_pool1d_t *pool, const int8_t *in, uint16_t in_steps,
                       uint16_t steps, int8_t *out)
{
    uint16_t step;
    uint16_t c;
    uint16_t i;

    for (step = 0; step < steps; step++) {
        const range_t range = seen(pool, in_steps, step);
        const int32_t count = (int32_t)range.end - range.first;

        for (c = 0; c < pool->channels; c++) {
            int32_t sum = 0;

            for (i = range.first; i < range.end; i++) {
                sum += in[(uint32_t)i * pool->channels + c];
            }
            *out++ = (int8_t)((sum < 0 ? sum - count / 2 : sum + count / 2) / count);
        }
    }
}
