/* The ADXL345's registers over I2C or SPI: from a board's transfer function to a wk_bus_t.
 *
 * A board gives one function that moves bytes; what the part wants around them (register address
 * first, R/W and multiple-byte bits, 5 us after a FIFO entry) is said here, once.
 * Data sheet: "Serial Communications" (Figures 36 to 41, Tables 9 to 12) and "Retrieving Data from
 * FIFO".
 */
#ifndef WK_ADXL345_BUS_H
#define WK_ADXL345_BUS_H

#include "wk/wk_adxl345.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WK_ADXL345_I2C_HZ_MAX 400000u /* 50 samples a second need 25 kHz, 800 about 120 kHz */
#define WK_ADXL345_SPI_HZ_MAX 5000000u
#define WK_ADXL345_SPI_MODE 3 /* clock idles high, data is taken at its rising edge */

/* An I2C controller. `transfer` writes out_len bytes to the 7-bit address and then, after a repeated
 * START, reads in_len bytes when in_len > 0. Returns 0 when all were acknowledged, within a bounded
 * time. CS of the part must be tied to VDD_IO, or it listens for SPI. */
typedef struct {
    int (*transfer)(void *context, uint8_t address, const uint8_t *out_bytes, uint8_t out_len,
                    uint8_t *in_bytes, uint8_t in_len);
    void *context;
    uint8_t address; /* WK_ADXL345_ADDRESS or WK_ADXL345_ADDRESS_ALT */
} wk_i2c_t;

/* An SPI controller in mode 3, 4 wires. `exchange` lowers CS, sends `bytes` while it replaces each
 * with the one received, raises CS and returns 0. `wait_us` may be NULL at up to 1.6 MHz, where the
 * register address alone takes the 5 us that a FIFO entry needs to leave. */
typedef struct {
    int (*exchange)(void *context, uint8_t *bytes, uint8_t bytes_len);
    void (*wait_us)(void *context, uint32_t us);
    void *context;
} wk_spi_t;

/* Longest burst of the SPI bus, register address not counted; a longer one fails. */
#define WK_ADXL345_SPI_BURST_MAX 8

/* The bus of the part behind a controller, which must outlive it. */
wk_bus_t wk_adxl345_i2c_bus(wk_i2c_t *i2c);
wk_bus_t wk_adxl345_spi_bus(wk_spi_t *spi);

#ifdef __cplusplus
}
#endif

#endif
