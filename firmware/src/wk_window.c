#include "wk/wk_window.h"

#include <string.h>

bool wk_window_begin(wk_window_t *out_window, uint16_t length, uint16_t hop)
{
    out_window->length = length;
    out_window->hop = hop;
    out_window->held = 0;
    out_window->first_index = 0;
    return length > 0 && length <= WK_WINDOW_MAX && hop > 0 && hop <= length;
}

/* The window was full and used: what the next one shares with it moves to the front. */
static void slide(wk_window_t *window)
{
    if (window->held == window->length) {
        window->held = (uint16_t)(window->length - window->hop);
        memmove(window->counts[0], window->counts[window->hop],
                window->held * sizeof window->counts[0]);
        window->first_index += window->hop;
    }
}

/* The first start on the grid from which every sample can still come. */
static void align(wk_window_t *window, uint32_t index)
{
    const uint32_t late = index % window->hop;

    window->held = 0;
    window->first_index = late == 0 ? index : index + (window->hop - late);
}

wk_window_status_t wk_window_push(wk_window_t *window, uint32_t index, const int16_t counts[3])
{
    slide(window);
    if (index != window->first_index + window->held) {
        const bool before_start =
            window->held == 0 && window->first_index - index < window->hop;

        if (!before_start) {
            align(window, index);
        }
        if (index != window->first_index) {
            return WK_WINDOW_SKIPPED;
        }
    }
    memcpy(window->counts[window->held], counts, sizeof window->counts[0]);
    window->held++;
    if (window->held == window->length) {
        return WK_WINDOW_FULL;
    }
    return window->held == 1 ? WK_WINDOW_STARTED : WK_WINDOW_HELD;
}
