// What every fuzz target includes: the entry point that libFuzzer and replay_main.cpp call. A property that
// does not hold is a CHECK, which aborts; the return value is always 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
