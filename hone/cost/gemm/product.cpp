#include "hone/cost/gemm/product.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::cost {

const std::vector<GemmConfig::Field>& GemmConfig::fields() {
  static const std::vector<Field> list{
      {"tile_m", &GemmConfig::tile_m},         {"tile_n", &GemmConfig::tile_n},
      {"tile_k", &GemmConfig::tile_k},         {"stages", &GemmConfig::stages},
      {"warps_m", &GemmConfig::warps_m, 1024}, {"warps_n", &GemmConfig::warps_n, 1024},
      {"warps_k", &GemmConfig::warps_k, 1024}, {"inst_m", &GemmConfig::inst_m},
      {"inst_n", &GemmConfig::inst_n},         {"inst_k", &GemmConfig::inst_k},
      {"reg_m", &GemmConfig::reg_m},           {"reg_n", &GemmConfig::reg_n},
      {"split_k", &GemmConfig::split_k},       {"registers", &GemmConfig::registers},
      {"column_a", &GemmConfig::column_a},     {"column_b", &GemmConfig::column_b},
      {"column_c", &GemmConfig::column_c},     {"tensor", &GemmConfig::tensor}};
  return list;
}

std::string GemmConfig::text() const {
  std::string text;
  for (const Field& field : fields())
    if (this->*field.value != 0)
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", field.name, this->*field.value);
  return text;
}

std::vector<std::pair<GemmConfig::Field, std::int64_t>> GemmConfig::parse_fields(const std::string& text,
                                                                                 const std::string& what) {
  std::vector<std::pair<Field, std::int64_t>> list;
  std::vector<std::string> names;
  for (const Field& field : fields()) names.emplace_back(field.name);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" ,", at), text.size());
    const std::string part = text.substr(at, end - at);
    at = end + 1;
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    const auto field = std::find(names.begin(), names.end(), name);
    if (field == names.end())
      throw Error(fmt::format("a configuration has no '{}'", name), Place{"", 0, what}, suggest(name, names));
    const std::string number = equals == part.npos ? "" : part.substr(equals + 1);
    std::int64_t value = 0;
    const auto [stop, code] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (code != std::errc{} || stop != number.data() + number.size() || value < 0)
      throw Error(fmt::format("'{}' is no number for {}", number, name), Place{"", 0, what},
                  "as in tile_m=64,tile_n=128,tile_k=32");
    const Field& known = fields()[static_cast<std::size_t>(field - names.begin())];
    if (value > known.most)
      throw Error(fmt::format("{} is at most {}, not {}", name, known.most, value), Place{"", 0, what});
    list.emplace_back(known, value);
  }
  if (list.empty())
    throw Error("there is no configuration", Place{"", 0, what}, "as in tile_m=64,tile_n=128,tile_k=32");
  return list;
}

GemmConfig GemmConfig::parse(const std::string& text, const std::string& what) {
  GemmConfig config;
  for (const auto& [field, value] : parse_fields(text, what)) config.*field.value = value;
  return config;
}

}  // namespace hone::cost
