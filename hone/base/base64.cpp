#include "hone/base/base64.h"

#include <array>
#include <cstdint>

#include "hone/base/error.h"

namespace hone {
namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> kValues = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kLetters.size(); ++i)
    values[static_cast<unsigned char>(kLetters[i])] = static_cast<std::int8_t>(i);
  return values;
}();

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < n ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j) text += j <= n ? kLetters[group >> (18 - 6 * j) & 63u] : '=';
  }
  return text;
}

std::string from_base64(std::string_view text) {
  const Error malformed("this is no base64");
  if (text.size() % 4 != 0) throw malformed;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::size_t letters = 4;
    if (i + 4 == text.size())
      while (letters > 2 && text[i + letters - 1] == '=') --letters;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const int value = j < letters ? kValues[static_cast<unsigned char>(text[i + j])] : 0;
      if (value < 0) throw malformed;
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    for (std::size_t j = 0; j + 1 < letters; ++j) bytes += static_cast<char>(group >> (16 - 8 * j) & 255u);
    if ((letters == 2 && (group & 0xffffu) != 0) || (letters == 3 && (group & 0xffu) != 0)) throw malformed;
  }
  return bytes;
}

}  // namespace hone
