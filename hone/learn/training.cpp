#include "hone/learn/training.h"

#include <utility>

#include <fmt/format.h>

namespace hone::learn {

Training::Training(Run run, train::Model model, const train::TrainerOptions& options)
    : model_(std::move(model)),
      trainer_(model_.parameters(), model_.parameter_names(), options),
      run_(std::move(run)) {}

Json Training::identity() const {
  return {{"config", run_.config.json()},
          {"seed", run_.seed},
          {"horizon", run_.horizon},
          {"data", run_.data.hex()}};
}

void Training::save(const std::string& path) const {
  train::Checkpoint checkpoint;
  checkpoint.header["task"] = task_name();
  checkpoint.header["identity"] = identity();
  checkpoint.header["graph"] = model_.graph().json();
  describe(checkpoint.header);
  checkpoint.header["train_s"] = train_s;
  checkpoint.header["notes"] = notes;
  trainer_.save(checkpoint);
  model_.save_moments(checkpoint);
  checkpoint.save(path);
}

void Training::load(const std::string& path) {
  const train::Checkpoint checkpoint = train::Checkpoint::load(path);
  if (checkpoint.header.value("identity", Json()) != identity())
    throw Error(fmt::format("the checkpoint belongs to another config, seed, horizon or {}", data_name()),
                Place{path, 0, ""}, "remove it to train anew");
  trainer_.load(checkpoint);
  model_.load_moments(checkpoint);
  train_s = checkpoint.header.value("train_s", 0.0);
  notes = checkpoint.header.value("notes", Json::object());
}

}  // namespace hone::learn
