#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/task/cell_spaces.h"

namespace hone::test {

/// The config of a NAS-Bench-201 cell: operations by a letter (zero, skip, 1, 3, pool) in the space's order:
/// edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3.
inline space::Config edges(const std::string& letters) {
  static const std::string names = "zs13p";
  std::vector<space::Config::Entry> entries;
  const auto parameters = task::cell_parameters(task::CellKind::nasbench201);
  for (std::size_t i = 0; i < 6; ++i)
    entries.emplace_back(parameters[i],
                         task::cell_operations(task::CellKind::nasbench201)[names.find(letters[i])]);
  return space::Config(std::move(entries));
}

/// The config of a NAS-Bench-101 cell: the upper triangle of its matrix row by row, and five operations.
inline space::Config vertices(const std::string& edge_bits, const std::vector<std::string>& ops) {
  std::vector<space::Config::Entry> entries;
  for (std::size_t i = 0; i < 21; ++i) entries.emplace_back(fmt::format("edge.{}", i), edge_bits[i] == '1');
  for (std::size_t i = 0; i < 5; ++i) entries.emplace_back(fmt::format("op.{}", i), ops[i]);
  return space::Config(std::move(entries));
}

/// The letters of the `code`-th of the 15,625 cells.
inline std::string letters_of(int code) {
  std::string letters;
  for (int rest = code, i = 0; i < 6; ++i, rest /= 5) letters += "zs13p"[rest % 5];
  return letters;
}

}  // namespace hone::test
