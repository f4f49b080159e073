/* What the C functions answer, for Python to compare.
 *   dump counts          every int16, from its two bytes: "count input"
 *   dump crc             CRC-32 of standard input
 *   dump text RATE RANGE CRC   header, then a line for each "index t_us x y z" of standard input;
 *                        each is also tried in every smaller buffer, which must give 0 and leave
 *                        the byte behind the buffer alone
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "wk/wk_counts.h"
#include "wk/wk_crc32.h"
#include "wk/wk_text.h"

static void dump_counts(void)
{
    int32_t bits;

    for (bits = 0; bits <= 0xFFFF; bits++) {
        const int16_t count = wk_count_from_bytes((uint8_t)(bits & 0xFF), (uint8_t)(bits >> 8));

        printf("%d %d\n", count, wk_input_from_count(count));
    }
}

static void dump_crc(void)
{
    uint32_t crc = 0;
    uint8_t bytes[7]; /* an odd size, so that the CRC is continued at odd places */
    size_t bytes_len;

    while ((bytes_len = fread(bytes, 1, sizeof bytes, stdin)) > 0) {
        crc = wk_crc32(crc, bytes, bytes_len);
    }
    printf("%08lX\n", (unsigned long)crc);
}

static size_t write_line(const wk_text_format_t *format, const wk_sample_t *sample, char *out_text,
                         size_t text_max)
{
    return sample == NULL ? wk_text_header(format, out_text, text_max)
                          : wk_text_sample(format, sample, out_text, text_max);
}

static void dump_line(const wk_text_format_t *format, const wk_sample_t *sample)
{
    char text[WK_TEXT_HEADER_MAX + 1];
    const size_t max = sample == NULL ? WK_TEXT_HEADER_MAX : WK_TEXT_SAMPLE_MAX;
    const size_t text_len = write_line(format, sample, text, max);
    size_t smaller;

    CHECK(text_len > 0);
    fwrite(text, 1, text_len, stdout);
    for (smaller = 0; smaller < text_len; smaller++) {
        text[smaller] = '\a';
        CHECK_EQUAL(write_line(format, sample, text, smaller), 0);
        CHECK_EQUAL(text[smaller], '\a');
    }
    CHECK_EQUAL(write_line(format, sample, text, text_len), text_len);
}

static void dump_text(char **arguments)
{
    wk_text_format_t format;
    unsigned long index, t_us;
    wk_sample_t sample;
    int x, y, z;

    format.rate_mhz = (uint32_t)strtoul(arguments[0], NULL, 10);
    format.range_g = (uint8_t)strtoul(arguments[1], NULL, 10);
    format.crc = strcmp(arguments[2], "crc32") == 0;
    format.simulated = strcmp(arguments[3], "simulated") == 0;
    dump_line(&format, NULL);
    while (scanf("%lu %lu %d %d %d", &index, &t_us, &x, &y, &z) == 5) {
        sample.index = (uint32_t)index;
        sample.t_us = (uint32_t)t_us;
        sample.counts[0] = (int16_t)x;
        sample.counts[1] = (int16_t)y;
        sample.counts[2] = (int16_t)z;
        dump_line(&format, &sample);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    if (strcmp(argv[1], "counts") == 0) {
        dump_counts();
    } else if (strcmp(argv[1], "crc") == 0) {
        dump_crc();
    } else {
        CHECK_EQUAL(argc, 6);
        dump_text(argv + 2);
    }
    return 0;
}
