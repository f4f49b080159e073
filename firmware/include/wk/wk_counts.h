/* From two register bytes to a count, from a count to the model's int8 input. No float, and no
 * shift or conversion whose result C99 leaves to the compiler.
 *
 * A count is 1/256 g (ADXL345 data sheet, Table 1: full resolution, typical); at +-2 g the sensor
 * clips at the rails WK_COUNT_MIN and WK_COUNT_MAX. One step of the model input is 1/64 g.
 * The same two functions in Python are wearkit.counts; golden vectors in wk_golden_counts.h.
 */
#ifndef WK_COUNTS_H
#define WK_COUNTS_H

#include <stdint.h>

#define WK_COUNT_MIN (-512)
#define WK_COUNT_MAX 511

/* The count in DATAx0 (low) and DATAx1 (high): 16-bit two's complement, any value. */
static inline int16_t wk_count_from_bytes(uint8_t low, uint8_t high)
{
    const uint16_t bits = (uint16_t)((uint16_t)low | (uint16_t)((uint16_t)high << 8));

    if (bits < 0x8000u) {
        return (int16_t)bits;
    }
    return (int16_t)(-(int16_t)(uint16_t)~bits - 1);
}

/* clamp((count + 2) >> 2, -128, 127) with the shift rounding towards minus infinity, for every
 * int16 count. The sum is made non-negative before it is shifted: +514 = 2 + 4 * 128. */
static inline int8_t wk_input_from_count(int16_t count)
{
    int16_t step;

    if (count < WK_COUNT_MIN) {
        count = WK_COUNT_MIN;
    } else if (count > WK_COUNT_MAX) {
        count = WK_COUNT_MAX;
    }
    step = (int16_t)((uint16_t)(count + 514) >> 2);
    return (int8_t)(step > 255 ? 127 : step - 128);
}

#endif
