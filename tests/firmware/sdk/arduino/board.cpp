/* A computer as an Arduino board: runs a sketch in front of the sensor model. A turn of loop() takes a
 * millisecond. */
#include <Arduino.h>
#include <Wire.h>
#include <stdlib.h>

#include "board.h"

#define TURN_US 1000u

HardwareSerial Serial;
TwoWire Wire;

unsigned long micros()
{
    return static_cast<uint32_t>(sdk_now_us());
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
    return sdk_send(bytes, bytes_len);
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

void TwoWire::setClock(uint32_t) {}

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
    return stop ? static_cast<uint8_t>(sdk_i2c(address_, out_, out_len_, nullptr, 0)) : 0;
}

uint8_t TwoWire::requestFrom(uint8_t address, size_t bytes_len)
{
    in_at_ = 0;
    in_len_ = static_cast<uint8_t>(bytes_len);
    if (sdk_i2c(address, out_, out_len_, in_, in_len_) != 0) {
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
    sdk_begin();
    setup();
    for (;;) {
        loop();
        sdk_pass_us(TURN_US);
    }
}
