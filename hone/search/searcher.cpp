#include "hone/search/searcher.h"

namespace hone::search {

std::unique_ptr<Searcher> make_searcher(const std::string& name, const Problem& problem,
                                        const Options& options, const Place& place) {
  return methods().maker<MakeSearcher>("searcher", name, place)(problem, options);
}

std::unique_ptr<Searcher> make_searcher(const std::string& name, const Problem& problem, const Json& given) {
  return make_searcher(name, problem, Options(methods().need("searcher", name).info.options, given));
}

}  // namespace hone::search
