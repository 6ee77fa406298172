// log, sine and cosine without branches or tables, for loops that compilers turn into vector instructions.
// Within 2 ulp on the ranges that they say (tests/test_philox.py measures the normals made from
// them).
#pragma once

#include <bit>
#include <cstdint>

namespace tritorch::random {

// log(x) of a normal x > 0: Cephes' logf.
inline float log_of(float x) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    auto exponent = static_cast<float>(static_cast<std::int32_t>(bits >> 23) - 126);
    float m = std::bit_cast<float>((bits & 0x007fffffu) | 0x3f000000u);  // in [1/2, 1)
    const bool low = m < 0.707106781186547524f;
    exponent = low ? exponent - 1.0f : exponent;
    m = low ? m + m - 1.0f : m - 1.0f;
    const float z = m * m;
    float y = 7.0376836292e-2f;
    y = y * m - 1.1514610310e-1f;
    y = y * m + 1.1676998740e-1f;
    y = y * m - 1.2420140846e-1f;
    y = y * m + 1.4249322787e-1f;
    y = y * m - 1.6668057665e-1f;
    y = y * m + 2.0000714765e-1f;
    y = y * m - 2.4999993993e-1f;
    y = y * m + 3.3333331174e-1f;
    y = y * m * z;
    y = y - 2.12194440e-4f * exponent - 0.5f * z;  // log(2) in two parts, the larger one exact
    return m + y + 0.693359375f * exponent;
}

struct SinCos {
    float sine, cosine;
};

// Sine and cosine of 2 pi (turn + 1/2) / 2^32. The nearest quarter turn is taken off while the angle is an
// integer.
inline SinCos sincos_of_turn(std::uint32_t turn) {
    const std::uint32_t quarter = (turn + 0x20000000u) >> 30;
    const auto rest = static_cast<std::int32_t>(turn - (quarter << 30));
    const float x = (static_cast<float>(rest) + 0.5f) * 1.4629180792671596e-9f;  // 2 pi / 2^32
    const float z = x * x;
    const float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * x + x;
    const float c =
        ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z +
        1.0f;
    const bool swapped = quarter & 1u;
    const float sine = swapped ? c : s, cosine = swapped ? s : c;
    // Quarters 2 and 3 turn the sine's sign, 1 and 2 the cosine's.
    const std::uint32_t sine_sign = (quarter & 2u) << 30, cosine_sign = ((quarter + 1u) & 2u) << 30;
    return {std::bit_cast<float>(std::bit_cast<std::uint32_t>(sine) ^ sine_sign),
            std::bit_cast<float>(std::bit_cast<std::uint32_t>(cosine) ^ cosine_sign)};
}

}  // namespace tritorch::random
