#pragma once

#include <functional>
#include <string>

#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::run {

/// Live progress of a search: a block of lines redrawn in place in a terminal, a plain line now and then
/// elsewhere. Writes through `out`. Not thread safe.
class Progress {
 public:
  using Out = std::function<void(const std::string&)>;
  Progress(Out out, bool terminal, int columns, double plain_every_s = 10.0);

  /// Draws the state of things; cheap to call often (it draws at most ten times a second).
  void draw(const study::Study& study, const Budget& budget, double now, bool force = false);
  /// Removes the live block, so that what is printed next stands alone.
  void clear();

 private:
  std::string block(const study::Study& study, const Budget& budget, double now) const;

  Out out_;
  bool terminal_;
  int columns_;
  double plain_every_s_;
  double last_ = -1e18;
  double began_ = -1.0;
  int lines_ = 0;
};

}  // namespace hone::run
