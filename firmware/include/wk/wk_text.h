/* The text format wearkit text/1: what a board prints and `wearkit live` reads.
 *
 *   #wearkit text/1 units=counts rate=50 range=2 axes=+x+y+z fields=index,t_us,x,y,z crc=none
 *   1200,24000000,-3,12,257
 *
 * Every line ends with LF. With crc=crc32, headers and sample lines end with '*' and eight
 * upper-case hex digits, the CRC-32 (wk_crc32) of the characters before the '*':
 *   1200,24000000,-3,12,257*727F348E
 * Lines that start with '#' are comments; the header is one of them and is sent again every 10 s,
 * so that a host may join at any time. The reader of these lines is wearkit.link in Python.
 */
#ifndef WK_TEXT_H
#define WK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "wk/wk_sample.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Worst cases, LF included: two u32 (10 digits), three int16 (6), four commas, '*' and 8 digits. */
#define WK_TEXT_SAMPLE_MAX (2 * 10 + 3 * 6 + 4 + 9 + 1)
/* Longest header: rate of seven digits and three more behind a point, range of three, crc=crc32
 * with its '*' and 8 digits, and sensor=simulated. */
#define WK_TEXT_HEADER_MAX 128

/* The stream a header describes. rate_mhz: samples in 1000 s; range_g: full scale, +-g; simulated:
 * nobody wears the sensor. */
typedef struct {
    uint32_t rate_mhz;
    uint8_t range_g;
    bool crc;
    bool simulated;
} wk_text_format_t;

/* Write the header line. Returns its length, or 0 when header_max is too small (WK_TEXT_HEADER_MAX
 * always suffices; the buffer then holds the beginning of the line). */
size_t wk_text_header(const wk_text_format_t *format, char *out_header, size_t header_max);

/* Write one sample line, with its CRC when format->crc. Returns its length, or 0 when line_max is
 * too small (WK_TEXT_SAMPLE_MAX always suffices; the buffer then holds the beginning). */
size_t wk_text_sample(const wk_text_format_t *format, const wk_sample_t *sample, char *out_line,
                      size_t line_max);

#ifdef __cplusplus
}
#endif

#endif
