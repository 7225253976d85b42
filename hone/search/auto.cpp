#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "hone/search/searcher.h"

namespace hone::search {
namespace {

class Auto : public Searcher {
 public:
  Auto(const Problem& problem, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) parts_.push_back({part, make_searcher(part, problem)});
  }

  void update(const study::Change& change) override {
    for (auto& part : parts_) part.searcher->update(change);
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    const std::size_t k = static_cast<std::size_t>(number + attempt / 4) % parts_.size();
    parts_[k].searcher->aim_at(aim());
    return parts_[k].searcher->ask(number, attempt);
  }

 private:
  struct Part {
    std::string name;
    std::unique_ptr<Searcher> searcher;
  };
  std::vector<Part> parts_;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, auto) {
  using namespace hone;
  registry.add("searcher",
               MethodInfo{.name = "auto",
                          .summary = "Chooses by the space, objectives, noise and budget, and combines.",
                          .paper = "",
                          .options = {{.name = "parts",
                                       .type = OptionSpec::Type::texts,
                                       .fallback = Json::array({"gp", "tpe"}),
                                       .summary = "searchers"}}},
               search::MakeSearcher([](const search::Problem& problem, const Options& options) {
                 return std::make_unique<search::Auto>(problem, options.texts("parts"));
               }));
}
