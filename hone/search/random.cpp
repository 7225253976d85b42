#include "hone/search/searcher.h"

namespace hone::search {
namespace {

/// Uniform over each parameter's scale. The baseline that every other searcher has to beat.
class Random : public Searcher {
 public:
  explicit Random(const Problem& problem) : problem_(problem) {}

  void update(const study::Change&) override {}
  bool learns() const override { return false; }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "random", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt));
    return problem_.space.sample(rng);
  }

 private:
  Problem problem_;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, random) {
  using namespace hone;
  registry.add("searcher",
               MethodInfo{.name = "random",
                          .summary = "Draws every config independently, uniform over each parameter's scale.",
                          .paper = "",
                          .options = {},
                          .abilities = {.objectives = "several",
                                        .constraints = "ignored",
                                        .conditions = "yes",
                                        .batch = "independent",
                                        .fidelity = "ignored",
                                        .ask = "O(d)",
                                        .trials = "any number"}},
               search::MakeSearcher([](const search::Problem& problem, const Options&) {
                 return std::make_unique<search::Random>(problem);
               }));
}
