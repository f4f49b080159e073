/* Arduino's Wire with the sensor model at the other end. */
#ifndef WIRE_STUB_H
#define WIRE_STUB_H

#include <stddef.h>
#include <stdint.h>

class TwoWire
{
  public:
    void begin();
    void setClock(uint32_t hz);
    void beginTransmission(uint8_t address);
    size_t write(uint8_t byte);
    uint8_t endTransmission(bool stop = true);
    uint8_t requestFrom(uint8_t address, size_t bytes_len);
    int read();

  private:
    uint8_t address_ = 0;
    uint8_t out_[32] = {};
    uint8_t out_len_ = 0;
    uint8_t in_[32] = {};
    uint8_t in_len_ = 0, in_at_ = 0;
};

extern TwoWire Wire;

#endif
