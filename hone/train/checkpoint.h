#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "hone/base/json.h"

namespace hone::train {

/// A file of named tensors and a JSON header; the format in prose: docs/formats.md. Tensors are stored as
/// segments along the first dimension, so that grown parameters append. Written atomically; a checksum
/// guards the content.
struct Checkpoint {
  static constexpr int kVersion = 1;
  Json header = Json::object();  ///< what the writer wants to know again
  /// Any device and strides when saving; loaded ones are contiguous, on the CPU, with memory of their own.
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  /// Rows of each segment of the tensors that were grown, in order; a tensor without an entry is one segment.
  std::map<std::string, std::vector<std::int64_t>> segments;

  /// Throws Error (environment) where the file cannot be written; what was there stays. Needs memory for the
  /// file's content once more.
  void save(const std::string& path) const;
  /// Throws Error where the file is missing, truncated, corrupt (checksum) or of a newer version.
  static Checkpoint load(const std::string& path);
  /// The header alone, without reading tensors.
  static Json load_header(const std::string& path);
  const torch::Tensor& tensor(const std::string& name) const;  ///< throws Error where missing
};

}  // namespace hone::train
