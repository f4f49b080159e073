/* Records of five int32 on stdin: value, multiplier, fraction, shift, family (WK_ROUND_*). One int32
 * each on stdout: the rounded value, held inside +-512 as all that matters to an int8. */
#include <stdint.h>
#include <stdio.h>

#include "wk/wk_requantize.h"

static int32_t rounded(const int32_t *record)
{
    switch (record[4]) {
    case WK_ROUND_AWAY:
    case WK_ROUND_UP:
        return wk_round_twice(record[0], record[1], record[3], record[4] == WK_ROUND_UP);
    case WK_ROUND_SINGLE:
        return wk_round_single(record[0], record[1], record[2], record[3]);
    default:
        return wk_round_float(record[0], record[1], record[3]);
    }
}

int main(void)
{
    int32_t record[5];

    while (fread(record, sizeof(record), 1, stdin) == 1) {
        int32_t value = rounded(record);

        value = value < -512 ? -512 : value > 512 ? 512 : value;
        fwrite(&value, sizeof(value), 1, stdout);
    }
    return 0;
}
