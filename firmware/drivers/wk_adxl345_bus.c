#include "wk/wk_adxl345_bus.h"

#include <string.h>

#define SPI_READ 0x80
#define SPI_MULTIPLE 0x40 /* without it every byte is the same register */
#define REG_DATAX0 0x32
#define REG_DATAZ1 0x37
#define POP_US 5

static int i2c_write(void *context, uint8_t reg, uint8_t value)
{
    wk_i2c_t *i2c = context;
    uint8_t bytes[2];

    bytes[0] = reg;
    bytes[1] = value;
    return i2c->transfer(i2c->context, i2c->address, bytes, sizeof bytes, NULL, 0);
}

static int i2c_read(void *context, uint8_t reg, uint8_t *out_bytes, uint8_t bytes_len)
{
    wk_i2c_t *i2c = context;

    return i2c->transfer(i2c->context, i2c->address, &reg, 1, out_bytes, bytes_len);
}

static int spi_write(void *context, uint8_t reg, uint8_t value)
{
    wk_spi_t *spi = context;
    uint8_t bytes[2];

    bytes[0] = reg;
    bytes[1] = value;
    return spi->exchange(spi->context, bytes, sizeof bytes);
}

static int spi_read(void *context, uint8_t reg, uint8_t *out_bytes, uint8_t bytes_len)
{
    wk_spi_t *spi = context;
    uint8_t bytes[1 + WK_ADXL345_SPI_BURST_MAX] = {0};

    if (bytes_len > WK_ADXL345_SPI_BURST_MAX) {
        return 1;
    }
    bytes[0] = (uint8_t)(reg | SPI_READ | (bytes_len > 1 ? SPI_MULTIPLE : 0));
    if (spi->exchange(spi->context, bytes, (uint8_t)(1 + bytes_len)) != 0) {
        return 1;
    }
    memcpy(out_bytes, bytes + 1, bytes_len);
    if (reg <= REG_DATAZ1 && reg + bytes_len > REG_DATAX0 && spi->wait_us != NULL) {
        spi->wait_us(spi->context, POP_US);
    }
    return 0;
}

wk_bus_t wk_adxl345_i2c_bus(wk_i2c_t *i2c)
{
    wk_bus_t bus;

    bus.write = i2c_write;
    bus.read = i2c_read;
    bus.context = i2c;
    return bus;
}

wk_bus_t wk_adxl345_spi_bus(wk_spi_t *spi)
{
    wk_bus_t bus;

    bus.write = spi_write;
    bus.read = spi_read;
    bus.context = spi;
    return bus;
}
