#include "wk/wk_adxl345.h"
#include "wk/wk_writer.h"

static const char no_answer[] WK_FLASH =
    "No answer: check power, ground, SDA and SCL, CS tied to VDD_IO, and the address (0x53 or 0x1D)";
static const char id_is[] WK_FLASH = "The device id reads ";
static const char id_shifted[] WK_FLASH =
    ", 0xE5 shifted by one bit: the clock idles at the wrong level (SPI needs mode 3)";
static const char id_dead[] WK_FLASH =
    " for every bit: check power, and whether SDI and SDO are swapped; nothing drives the bus";
static const char id_early[] WK_FLASH =
    ", 0xE5 shifted up one bit: data is taken at the wrong clock edge (SPI needs mode 3)";
static const char id_reversed[] WK_FLASH =
    ", 0xE5 backwards: the bus sends the lowest bit first, the part the highest";
static const char id_inverted[] WK_FLASH =
    ", 0xE5 with every bit inverted: check the level shifter on the data wire";
static const char id_adxl346[] WK_FLASH = ", an ADXL346: its ranges differ, use an ADXL345";
static const char id_adxl362[] WK_FLASH = ", an ADXL362 or ADXL363: use an ADXL345";
static const char id_other[] WK_FLASH = ", an ADXL345 says 0xE5: another part is wired here";
static const char register_is[] WK_FLASH = "Register ";
static const char was_set_to[] WK_FLASH = " was set to ";
static const char but_reads[] WK_FLASH = " but reads ";
static const char bad_wire[] WK_FLASH = ": check for a loose wire, weak power or a clone";
static const char overrun[] WK_FLASH =
    "The sensor's buffer was full, samples were lost: read more often";
static const char stalled[] WK_FLASH =
    "No sample for ten periods: the sensor lost its power or its settings, check the supply";
static const char glitch[] WK_FLASH =
    "The sensor sent a value it cannot have at +-2 g: check for a loose or long wire";
static const char settings_lost[] WK_FLASH = " while running: its power dipped or the bus is disturbed";
static const char moved[] WK_FLASH =
    "The board moved during the self-test: lay it down and try again";
static const char axis_is[] WK_FLASH = "Axis ";
static const char hardly_moved[] WK_FLASH =
    " does not follow the self-test: the part is damaged or a clone, replace it";
static const char no_such_rate[] WK_FLASH =
    "The ADXL345 has no such output rate: 6.25, 12.5, 25, 50, 100, 200, 400 or 800 Hz";
static const char no_fault[] WK_FLASH = "No fault";

static void write_byte(wk_writer_t *writer, uint8_t value)
{
    wk_write_char(writer, '0');
    wk_write_char(writer, 'x');
    wk_write_hex(writer, value, 2);
}

/* 0x72 is 0xE5 >> 1; 0xF2 is the same with the idle line's 1 shifted in; 0xCA and 0xCB 0xE5 << 1. */
static const char *id_cause(uint8_t got)
{
    switch (got) {
    case 0x72:
    case 0xF2:
        return id_shifted;
    case 0xCA:
    case 0xCB:
        return id_early;
    case 0xA7:
        return id_reversed;
    case 0x1A:
        return id_inverted;
    case 0xE6:
        return id_adxl346;
    case 0xAD:
        return id_adxl362;
    case 0x00:
    case 0xFF:
        return id_dead;
    default:
        return id_other;
    }
}

static void write_register(wk_writer_t *writer, const wk_adxl345_fault_t *fault,
                           const char *why)
{
    wk_write_flash(writer, register_is);
    write_byte(writer, fault->reg);
    wk_write_flash(writer, was_set_to);
    write_byte(writer, fault->expected);
    wk_write_flash(writer, but_reads);
    write_byte(writer, fault->got);
    wk_write_flash(writer, why);
}

size_t wk_adxl345_explain(wk_adxl345_status_t status, const wk_adxl345_fault_t *fault,
                          char *out_text, size_t text_max)
{
    wk_writer_t writer = wk_writer(out_text, text_max);

    switch (status) {
    case WK_ADXL345_ERR_NO_ANSWER:
        wk_write_flash(&writer, no_answer);
        break;
    case WK_ADXL345_ERR_ID:
        wk_write_flash(&writer, id_is);
        write_byte(&writer, fault->got);
        wk_write_flash(&writer, id_cause(fault->got));
        break;
    case WK_ADXL345_ERR_READ_BACK:
        write_register(&writer, fault, bad_wire);
        break;
    case WK_ADXL345_ERR_OVERRUN:
        wk_write_flash(&writer, overrun);
        break;
    case WK_ADXL345_ERR_STALLED:
        wk_write_flash(&writer, stalled);
        break;
    case WK_ADXL345_ERR_GLITCH:
        wk_write_flash(&writer, glitch);
        break;
    case WK_ADXL345_ERR_SETTINGS:
        write_register(&writer, fault, settings_lost);
        break;
    case WK_ADXL345_ERR_MOVED:
        wk_write_flash(&writer, moved);
        break;
    case WK_ADXL345_ERR_SELF_TEST:
        wk_write_flash(&writer, axis_is);
        wk_write_char(&writer, (char)('x' + fault->reg));
        wk_write_flash(&writer, hardly_moved);
        break;
    case WK_ADXL345_ERR_RATE:
        wk_write_flash(&writer, no_such_rate);
        break;
    case WK_ADXL345_OK:
    case WK_ADXL345_EMPTY:
        wk_write_flash(&writer, no_fault);
        break;
    }
    wk_write_char(&writer, '.');
    return wk_writer_len(&writer);
}
