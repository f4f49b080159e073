# A toolchain file: cmake -DCMAKE_TOOLCHAIN_FILE=.../arm-none-eabi.cmake -DWK_CPU=cortex-m4 ...
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(WK_CPU cortex-m4 CACHE STRING "What -mcpu gets")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WK_CPU)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
# Sections of their own, so that the linker leaves out what is not called.
set(CMAKE_C_FLAGS_INIT "-mcpu=${WK_CPU} -mthumb -ffunction-sections -fdata-sections")
set(CMAKE_EXE_LINKER_FLAGS_INIT "--specs=nosys.specs -Wl,--gc-sections")
# A program needs a linker script; whether the compiler works is asked with a library.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
