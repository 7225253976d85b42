#include "hone/task/images.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "hone/base/rng.h"

namespace hone::task {
namespace {

/// Appends image `i` of one set to another.
void take(const LabelledImages& from, std::size_t i, std::size_t bytes, LabelledImages& to) {
  const auto begin = from.pixels.begin() + static_cast<std::ptrdiff_t>(i * bytes);
  to.pixels.insert(to.pixels.end(), begin, begin + static_cast<std::ptrdiff_t>(bytes));
  to.labels.push_back(from.labels[i]);
}

}  // namespace

ImageSet::ImageSet(ImageFiles files, const Shares& shares) : shape_(files.shape) {
  const auto bytes = static_cast<std::size_t>(graph::element_count(shape_));
  std::vector<std::size_t> order(files.images.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(0, "image split");
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);

  std::size_t used = order.size(), held_out = 0;
  if (files.test.labels.empty())
    held_out = static_cast<std::size_t>(std::llround(shares.test * static_cast<double>(used)));
  used -= held_out;
  if (shares.most > 0) used = std::min(used, shares.most);
  const auto validated =
      static_cast<std::size_t>(std::llround(shares.validation * static_cast<double>(used)));
  const auto part = [&](Split split) -> LabelledImages& { return parts_[static_cast<std::size_t>(split)]; };
  for (std::size_t i = 0; i < used + held_out; ++i) {
    // What is held out stays the same however many are used.
    const bool test = i < held_out;
    const bool validation = !test && i - held_out < validated;
    take(files.images, order[i], bytes,
         part(test         ? Split::test
              : validation ? Split::validation
                           : Split::train));
  }
  if (held_out == 0) part(Split::test) = std::move(files.test);
  for (const Split split : {Split::train, Split::validation, Split::test})
    if (images(split).size() < (split == Split::train ? 2u : 1u))
      throw Error(fmt::format("there are too few images: {} to train on, {} to validate, {} to test",
                              part(Split::train).size(), part(Split::validation).size(),
                              part(Split::test).size()));

  KeyBuilder key;
  key.text("images 1");
  for (const std::int64_t size : shape_) key.integer(size);
  for (const auto& one : parts_) {
    key.key(hash_key({reinterpret_cast<const char*>(one.pixels.data()), one.pixels.size()}));
    key.key(hash_key({reinterpret_cast<const char*>(one.labels.data()), one.labels.size()}));
    for (const std::uint8_t label : one.labels) classes_ = std::max(classes_, label + 1);
  }
  const int first = images(Split::train).labels[0];
  if (std::all_of(std::begin(parts_), std::end(parts_), [&](const LabelledImages& one) {
        return std::all_of(one.labels.begin(), one.labels.end(), [&](int label) { return label == first; });
      }))
    throw Error(fmt::format("all images have the label {}: there is nothing to tell apart", first));
  key_ = key.build();

  const std::size_t channels = static_cast<std::size_t>(shape_[0]), plane = bytes / channels;
  const LabelledImages& train = images(Split::train);
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0.0, squares = 0.0;
    for (std::size_t i = 0; i < train.size(); ++i)
      for (std::size_t p = 0; p < plane; ++p) {
        const double value = train.pixels[i * bytes + c * plane + p];
        sum += value;
        squares += value * value;
      }
    const double n = static_cast<double>(train.size() * plane);
    means_.push_back(sum / n);
    deviations_.push_back(std::sqrt(std::max(squares / n - means_.back() * means_.back(), 1.0)));
  }
}

}  // namespace hone::task
