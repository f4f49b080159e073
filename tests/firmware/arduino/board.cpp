/* A computer as an Arduino board: runs a sketch in front of the sensor model.
 *
 *   board < samples > frames
 *
 * Standard input: x, y, z as little-endian int16 in 1/256 g, one for each conversion; its end ends
 * the run. A turn of loop() takes a millisecond. */
#include <Arduino.h>
#include <Wire.h>
#include <stdio.h>
#include <stdlib.h>

extern "C" {
#include "wk_adxl345_pace.h"
#include "wk_adxl345_wires.h"
}

#define TURN_US 1000u

static wk_adxl345_model_t model;
static wk_adxl345_wires_t wires;
static wk_adxl345_pace_t pace;
static uint64_t now_us;

HardwareSerial Serial;
TwoWire Wire;

static bool next_sample(void *, int16_t out_counts[3])
{
    uint8_t bytes[6];

    if (fread(bytes, 1, sizeof bytes, stdin) != sizeof bytes) {
        return false;
    }
    for (int axis = 0; axis < 3; axis++) {
        out_counts[axis] = static_cast<int16_t>(bytes[2 * axis] | bytes[2 * axis + 1] << 8);
    }
    return true;
}

unsigned long micros()
{
    return static_cast<uint32_t>(now_us);
}

int analogRead(uint8_t)
{
    return rand() & 1023;
}

void HardwareSerial::begin(unsigned long) {}

size_t HardwareSerial::write(uint8_t byte)
{
    return write(&byte, 1);
}

size_t HardwareSerial::write(const uint8_t *bytes, size_t bytes_len)
{
    return fwrite(bytes, 1, bytes_len, stdout);
}

int HardwareSerial::available()
{
    return 0;
}

int HardwareSerial::read()
{
    return -1;
}

void TwoWire::begin() {}

void TwoWire::setClock(uint32_t hz)
{
    wires.bus_hz = hz;
}

void TwoWire::beginTransmission(uint8_t address)
{
    address_ = address;
    out_len_ = 0;
}

size_t TwoWire::write(uint8_t byte)
{
    out_[out_len_++] = byte;
    return 1;
}

/* Without a STOP the register is kept for the read that follows. */
uint8_t TwoWire::endTransmission(bool stop)
{
    return stop ? static_cast<uint8_t>(
                      wk_adxl345_wires_i2c(&wires, address_, out_, out_len_, nullptr, 0))
                : 0;
}

uint8_t TwoWire::requestFrom(uint8_t address, size_t bytes_len)
{
    in_at_ = 0;
    in_len_ = static_cast<uint8_t>(bytes_len);
    if (wk_adxl345_wires_i2c(&wires, address, out_, out_len_, in_, in_len_) != 0) {
        in_len_ = 0;
    }
    return in_len_;
}

int TwoWire::read()
{
    return in_at_ < in_len_ ? in_[in_at_++] : -1;
}

int main()
{
    wk_adxl345_model_reset(&model);
    wires.model = &model;
    wk_adxl345_pace_begin(&pace, &model, next_sample, nullptr);
    setup();
    while (!pace.ended) {
        loop();
        now_us += TURN_US;
        wk_adxl345_pace_until(&pace, now_us);
    }
    return 0;
}
