#include "wk/wk_text.h"

#include "wk/wk_crc32.h"
#include "wk/wk_platform.h"
#include "wk/wk_writer.h"

static const char header_start[] WK_FLASH = "#wearkit text/1 units=counts rate=";
static const char header_range[] WK_FLASH = " range=";
static const char header_fields[] WK_FLASH = " axes=+x+y+z fields=index,t_us,x,y,z crc=";
static const char crc_name[] WK_FLASH = "crc32";
static const char no_crc_name[] WK_FLASH = "none";
static const char simulated_sensor[] WK_FLASH = " sensor=simulated";

static size_t end_line(wk_writer_t *writer, bool with_crc)
{
    if (with_crc) {
        const uint32_t crc = wk_crc32(0, writer->out, writer->len);

        wk_write_char(writer, '*');
        wk_write_hex(writer, crc, 8);
    }
    wk_write_char(writer, '\n');
    return wk_writer_len(writer);
}

/* 12500 is written 12.5, 50000 is written 50. */
static void write_rate(wk_writer_t *writer, uint32_t rate_mhz)
{
    uint16_t rest = (uint16_t)(rate_mhz % 1000u);
    uint16_t place = 100;

    wk_write_u32(writer, rate_mhz / 1000u);
    if (rest != 0) {
        wk_write_char(writer, '.');
    }
    for (; rest != 0; place = (uint16_t)(place / 10u)) {
        wk_write_char(writer, (char)('0' + rest / place));
        rest = (uint16_t)(rest % place);
    }
}

size_t wk_text_header(const wk_text_format_t *format, char *out_header, size_t header_max)
{
    wk_writer_t writer = wk_writer(out_header, header_max);

    wk_write_flash(&writer, header_start);
    write_rate(&writer, format->rate_mhz);
    wk_write_flash(&writer, header_range);
    wk_write_u32(&writer, format->range_g);
    wk_write_flash(&writer, header_fields);
    wk_write_flash(&writer, format->crc ? crc_name : no_crc_name);
    if (format->simulated) {
        wk_write_flash(&writer, simulated_sensor);
    }
    return end_line(&writer, format->crc);
}

size_t wk_text_sample(const wk_text_format_t *format, const wk_sample_t *sample, char *out_line,
                      size_t line_max)
{
    wk_writer_t writer = wk_writer(out_line, line_max);
    uint8_t axis;

    wk_write_u32(&writer, sample->index);
    wk_write_char(&writer, ',');
    wk_write_u32(&writer, sample->t_us);
    for (axis = 0; axis < 3; axis++) {
        wk_write_char(&writer, ',');
        wk_write_i16(&writer, sample->counts[axis]);
    }
    return end_line(&writer, format->crc);
}
