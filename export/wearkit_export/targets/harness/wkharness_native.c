/* Windows from windows.bin to logits.bin on an ordinary computer. Prints milliseconds a window. */
#include <stdio.h>
#include <time.h>

#include "wk_model.h"

static union {
    unsigned char bytes[WK_ARENA_BYTES];
    int32_t alignment; /* the arena starts at a multiple of 4 */
} arena;

int main(void)
{
    static int8_t input[WK_INPUT_LEN];
    static int8_t logits[WK_OUTPUT_LEN];
    FILE *windows = fopen("windows.bin", "rb");
    FILE *out = fopen("logits.bin", "wb");
    if (windows == NULL || out == NULL) {
        return 1;
    }
    clock_t spent = 0;
    long count = 0;
    while (fread(input, 1, sizeof input, windows) == sizeof input) {
        const clock_t start = clock();
        const int status = wk_model_run(arena.bytes, sizeof arena.bytes, input, logits);
        spent += clock() - start;
        if (status != 0) {
            fprintf(stderr, "wk_model_run returned %d\n", status);
            return 2;
        }
        if (fwrite(logits, 1, sizeof logits, out) != sizeof logits) {
            return 1;
        }
        count++;
    }
    const double scale = 1000.0 / (double)CLOCKS_PER_SEC;
    printf("%.6f\n", count == 0 ? 0.0 : (double)spent * scale / (double)count);
    return fclose(out) == 0 ? 0 : 1;
}
