#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/key.h"
#include "hone/graph/graph.h"
#include "hone/task/corpus.h"

namespace hone::task {

/// Images with their classes: n x channels x height x width bytes, and n numbers from 0.
struct LabelledImages {
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;
  std::size_t size() const { return labels.size(); }
};

/// A data set as it comes: what is there to train and validate on, and what is kept for the end.
struct ImageFiles {
  graph::Shape shape;  ///< channels, height, width
  LabelledImages images;
  LabelledImages test;  ///< empty where the data has no test part of its own
  std::string about;    ///< "2 IDX files"
};

/// Reads a data set; gzip'ed files as well (told by their content):
///   - IDX files, as MNIST comes: a file NAME-images-idx3-ubyte beside NAME-labels-idx1-ubyte, or a folder
///     with train-* and t10k-* (or test-*). Four dimensions are images x height x width x channels.
///   - a folder of CIFAR-10's or CIFAR-100's binary files: data_batch_*.bin and test_batch.bin; train.bin
///     and test.bin (fine labels).
/// Throws Error naming file and byte where a file is malformed or cut short, at `place` where there is
/// nothing that it knows.
ImageFiles read_images(const std::string& path, const Place& place);

/// Drawn images, so that there is something to try on a machine without any data: `n` grey ones of side x
/// side, ten classes of shapes (disc, ring, square, frame, triangle, cross, bar, corner, crescent, pair) in
/// random place, size, tilt and shade, light on dark or dark on light, over a slanting ground with strokes
/// across and noise. The same ones everywhere for a seed.
LabelledImages drawn_shapes(std::size_t n, int side, std::uint64_t seed);
constexpr int kShapeClasses = 10;

/// A data set divided into training, validation and test. Immutable once made; thread safe.
class ImageSet {
 public:
  struct Shares {
    std::size_t most = 0;     ///< images to train and validate on at most, drawn at random; 0: all
    double validation = 0.2;  ///< of those
    double test = 0.1;        ///< held out where the data has no test part of its own
  };
  /// Throws Error where a part would be empty.
  ImageSet(ImageFiles files, const Shares& shares);

  const graph::Shape& shape() const { return shape_; }
  int classes() const { return classes_; }
  const LabelledImages& images(Split split) const { return parts_[static_cast<std::size_t>(split)]; }
  /// Mean and standard deviation of a channel's bytes over the training images.
  const std::vector<double>& means() const { return means_; }
  const std::vector<double>& deviations() const { return deviations_; }
  /// Identity of all that is in it.
  Key key() const { return key_; }

 private:
  graph::Shape shape_;
  int classes_ = 0;
  LabelledImages parts_[3];
  std::vector<double> means_, deviations_;
  Key key_;
};

}  // namespace hone::task
