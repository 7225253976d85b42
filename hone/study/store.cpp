#include "hone/study/store.h"

#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::study {
namespace {

/// Scheme and the rest of a store's URL.
std::pair<std::string, std::string> parts_of(const std::string& url) {
  const std::size_t colon = url.find(':');
  const bool has_scheme = colon != std::string::npos && url.find('/') > colon;
  return has_scheme ? std::pair(url.substr(0, colon), url.substr(colon + 1))
                    : std::pair(std::string("sqlite"), url);
}

/// Throws where no store can have that URL.
void check_url(const std::string& scheme, const std::string& path, const std::string& url) {
  methods().need("store", scheme, Place{"", 0, "store"});
  if (scheme == "sqlite" && path.empty())
    throw Error(fmt::format("'{}' names no file to keep the study in", url), Place{"", 0, "store"},
                "a store's URL is sqlite:PATH, or memory: for one that is gone with its program");
}

}  // namespace

std::shared_ptr<Store> open_store(const std::string& url) {
  const auto [scheme, rest] = parts_of(url);
  check_url(scheme, rest, url);
  return methods().maker<MakeStore>("store", scheme, Place{"", 0, "store"})(rest);
}

bool store_exists(const std::string& url) {
  const auto [scheme, rest] = parts_of(url);
  check_url(scheme, rest, url);
  std::error_code code;
  return scheme != "sqlite" || std::filesystem::exists(rest, code);
}

std::shared_ptr<Store> open_existing_store(const std::string& url) {
  if (!store_exists(url))
    throw Error(
        "there is no study there", Place{url, 0, ""},
        "hone search begins one; a store's URL is sqlite:PATH, usually sqlite:NAME.hone/study.sqlite");
  return open_store(url);
}

std::string boot_id() {
  std::ifstream stream("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(stream, id);
  return id;
}

}  // namespace hone::study
