/* Samples on stdin, [n][ROWS * channels] int8. After every push the stream's logits are compared
 * with those of the window that ends there. Prints: pushes before the first window, windows
 * compared, values that differ. */
#include <stdio.h>
#include <string.h>

#include "wk_model_stream.h"

#define LENGTH (WK_STREAM_STEP * WK_STREAM_PUSHES)
#define WIDTH (WK_INPUT_LEN / LENGTH)

static int8_t samples[1 << 16];
static int32_t arena[WK_ARENA_BYTES / 4 + 1];
static wk_model_stream_t stream;

/* The window that ends before sample `end`, [row][step][channel]. */
static void window_of(size_t end, int8_t *out)
{
    const size_t channels = WIDTH / ROWS;
    size_t row;
    size_t step;

    for (row = 0; row < ROWS; row++) {
        for (step = 0; step < LENGTH; step++) {
            memcpy(out + (row * LENGTH + step) * channels,
                   samples + (end - LENGTH + step) * WIDTH + row * channels, channels);
        }
    }
}

int main(void)
{
    const size_t count = fread(samples, WIDTH, sizeof(samples) / WIDTH, stdin);
    long early = 0;
    long compared = 0;
    long different = 0;
    size_t end;

    memset(&stream, 0x5A, sizeof(stream));
    wk_model_stream_begin(&stream);
    for (end = WK_STREAM_STEP; end <= count; end += WK_STREAM_STEP) {
        int8_t window[WK_INPUT_LEN];
        int8_t expected[WK_OUTPUT_LEN];
        int8_t found[WK_OUTPUT_LEN];
        int status;
        size_t i;

        wk_model_stream_push(&stream, samples + (end - WK_STREAM_STEP) * WIDTH);
        memset(stream.work, 0xA5, sizeof(stream.work)); /* nothing in it may be relied on */
        status = wk_model_stream_run(&stream, found);
        if (end < LENGTH) {
            early += status == WK_ERR_READY;
            continue;
        }
        window_of(end, window);
        memset(arena, 0xA5, sizeof(arena));
        if (status != WK_OK || wk_model_run(arena, sizeof(arena), window, expected) != WK_OK) {
            return 1;
        }
        compared++;
        for (i = 0; i < WK_OUTPUT_LEN; i++) {
            different += found[i] != expected[i];
        }
    }
    printf("%ld %ld %ld\n", early, compared, different);
    return 0;
}
