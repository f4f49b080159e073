/* The sensor model as a shared library, for emulators that are not written in C. One sensor. */
#include "wk_adxl345_pace.h"
#include "wk_adxl345_wires.h"

/* Counters of the model and whether the source has ended, in this order. */
typedef struct {
    uint32_t taken, lost, short_reads, early_reads, live_writes, ended;
} wk_sensor_counters_t;

uint32_t wk_sensor_begin(wk_adxl345_source_t source, uint32_t source_mhz, int32_t error_ppm,
                         uint32_t jitter_us, uint32_t bus_hz, const char *faults);
void wk_sensor_until(uint64_t now_us);
int wk_sensor_read(uint8_t reg, uint8_t *out_bytes, uint8_t bytes_len);
int wk_sensor_write(uint8_t reg, uint8_t value);
void wk_sensor_counters(wk_sensor_counters_t *out_counters);
int wk_sensor_start(uint8_t address, int reading);
void wk_sensor_put(uint8_t value);
uint8_t wk_sensor_get(void);
void wk_sensor_stop(void);

static wk_adxl345_model_t model;
static wk_adxl345_pace_t pace;
static wk_adxl345_wires_t wires;
static wk_i2c_t i2c;
static wk_spi_t spi;
static wk_bus_t bus;
static struct {
    bool reading, first;
    uint8_t reg;
} transfer;

/* source_mhz: the rate of the source's samples. bus_hz above 400 kHz is SPI. Returns what
 * wk_adxl345_pace_faults does. */
uint32_t wk_sensor_begin(wk_adxl345_source_t source, uint32_t source_mhz, int32_t error_ppm,
                         uint32_t jitter_us, uint32_t bus_hz, const char *faults)
{
    wk_adxl345_model_reset(&model);
    wk_adxl345_pace_begin(&pace, &model, source, NULL);
    pace.source_mhz = source_mhz;
    pace.error_ppm = error_ppm;
    pace.jitter_us = jitter_us;
    transfer.reading = false;
    wires.model = &model;
    wires.bus_hz = bus_hz;
    wires.busy_ns = 0;
    i2c.transfer = wk_adxl345_wires_i2c;
    i2c.context = &wires;
    i2c.address = WK_ADXL345_ADDRESS;
    spi.exchange = wk_adxl345_wires_spi;
    spi.wait_us = wk_adxl345_wires_wait;
    spi.context = &wires;
    bus = bus_hz > WK_ADXL345_I2C_HZ_MAX ? wk_adxl345_spi_bus(&spi) : wk_adxl345_i2c_bus(&i2c);
    return wk_adxl345_pace_faults(&pace, faults);
}

void wk_sensor_until(uint64_t now_us)
{
    wk_adxl345_pace_until(&pace, now_us);
}

int wk_sensor_read(uint8_t reg, uint8_t *out_bytes, uint8_t bytes_len)
{
    return bus.read(bus.context, reg, out_bytes, bytes_len);
}

int wk_sensor_write(uint8_t reg, uint8_t value)
{
    return bus.write(bus.context, reg, value);
}

void wk_sensor_counters(wk_sensor_counters_t *out_counters)
{
    out_counters->taken = model.taken;
    out_counters->lost = model.lost;
    out_counters->short_reads = model.short_reads;
    out_counters->early_reads = model.early_reads;
    out_counters->live_writes = model.live_writes;
    out_counters->ended = pace.ended;
}

/* --- the same part for a bus that moves single bytes: it keeps its own time ---------------------- */

/* START or repeated START and the address: whether the part acknowledges it. */
int wk_sensor_start(uint8_t address, int reading)
{
    wk_sensor_stop();
    if (model.refuse > 0) {
        model.refuse--;
        return 0;
    }
    if (model.absent || address != model.address || (model.mute && reading)) {
        return 0;
    }
    transfer.reading = reading != 0;
    transfer.first = true;
    if (reading) {
        wk_adxl345_model_read_begin(&model, transfer.reg);
    }
    return 1;
}

/* The first byte of a transfer is the register. */
void wk_sensor_put(uint8_t value)
{
    if (transfer.first) {
        transfer.reg = value;
    } else {
        wk_adxl345_model_write(&model, transfer.reg++, value);
    }
    transfer.first = false;
}

uint8_t wk_sensor_get(void)
{
    return wk_adxl345_model_read_byte(&model);
}

void wk_sensor_stop(void)
{
    if (transfer.reading) {
        wk_adxl345_model_read_end(&model);
    }
    transfer.reading = false;
}
