#include "wk/wk_mean.h"

#include <string.h>

void wk_mean_add(int16_t *sums, const int8_t *column, uint16_t channels)
{
    uint16_t c;

    for (c = 0; c < channels; c++) {
        sums[c] = (int16_t)(sums[c] + column[c]);
    }
}

void wk_mean_replace(int16_t *sums, int8_t *oldest, const int8_t *column, uint16_t channels)
{
    uint16_t c;

    for (c = 0; c < channels; c++) {
        sums[c] = (int16_t)(sums[c] + column[c] - oldest[c]);
        oldest[c] = column[c];
    }
}

void wk_mean_of(const int16_t *sums, uint16_t steps, uint16_t channels, int8_t *out)
{
    const int32_t half = steps / 2;
    uint16_t c;

    for (c = 0; c < channels; c++) {
        const int32_t sum = sums[c];

        out[c] = (int8_t)((sum < 0 ? sum - half : sum + half) / steps);
    }
}

void wk_forget(int8_t *buffer, uint16_t dropped, uint16_t kept)
{
    const int8_t *from = buffer + dropped;

    /* Four at a time, however they are aligned. */
    if (dropped >= 4) {
        for (; kept >= 4; kept = (uint16_t)(kept - 4)) {
            memcpy(buffer, from, 4);
            buffer += 4;
            from += 4;
        }
    }
    while (kept-- > 0) {
        *buffer++ = *from++;
    }
}
