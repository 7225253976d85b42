#include "given_design.h"

#include "hone/run/given_config.h"

namespace hone::cli {

void GivenDesign::add_to(CLI::App& command) {
  auto* values = command.add_option("VALUES", words,
                                    "NAME=VALUE of parameters; others take their default, else their first "
                                    "or lowest value");
  auto* object = command.add_option("--config", config, "Values as a JSON object");
  auto* number = command.add_option("--trial", trial, "The design of this trial")
                     ->check(not_negative())
                     ->excludes(values)
                     ->excludes(object);
  command.add_option("--store", store, "Where the trial's study is kept, if not beside the file")
      ->needs(number)
      ->check(shared_store());
}

space::Config GivenDesign::of(const run::StudyFile& study) const {
  if (trial < 0) return run::given_design(study.space, run::given_entries(study.space, config, words));
  const Opened opened = open_study(file, store);
  const space::Config& tried = opened.study->trial(trial).config;
  return study.space.adopt(tried).value_or(tried);
}

}  // namespace hone::cli
