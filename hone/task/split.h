#pragma once

#include <array>
#include <string>
#include <vector>

#include "hone/task/text_files.h"

namespace hone::task {

/// Training, validation and test text, one after another, and how they came about.
struct SplitTexts {
  std::array<std::string, 3> texts;
  std::array<std::vector<std::string>, 3> files;  ///< names; a file that was cut stands in several
  bool by_position = false;                       ///< a file or group was cut
};

/// Divides files between training (0), validation (1) and test (2) by the shares, which sum to 1. Groups
/// (indices into `files`) stay together: the largest first into the split furthest below its share. Where
/// there are fewer than three groups, one holds more than 85% of the text, or a split would get less than a
/// quarter of its share, the largest group is cut in the order of its files, at line ends near the right
/// places. Uses up the files' texts.
SplitTexts split_texts(std::vector<TextFile>& files, const std::vector<std::vector<std::size_t>>& groups,
                       const std::array<double, 3>& shares);

}  // namespace hone::task
