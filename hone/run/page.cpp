#include "hone/run/page.h"

#include "hone/base/error.h"

namespace hone::embedded {
// Made by the build of web/; see cmake/embed.cmake.
std::string_view page_head_html();
std::string_view page_js();
}  // namespace hone::embedded

namespace hone::run {

std::string html_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  return out;
}

std::string embeddable_json(const Json& data) {
  const std::string plain = data.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string out;
  out.reserve(plain.size() + plain.size() / 16);
  for (const char c : plain) switch (c) {
      case '<':
        out += "\\u003c";
        break;
      case '>':
        out += "\\u003e";
        break;
      case '&':
        out += "\\u0026";
        break;
      default:
        out += c;
    }
  return out;
}

std::string filled_page(std::string_view page, const std::function<std::string(std::string_view)>& part) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const auto open = page.find("{{", at);
    out += page.substr(at, open - at);
    if (open == std::string_view::npos) return out;
    const auto close = page.find("}}", open);
    if (close == std::string_view::npos) throw internal_error("a page's template has an open placeholder");
    out += part(page.substr(open + 2, close - open - 2));
    at = close + 2;
  }
}

std::string page_head(std::string_view title, std::string_view style) {
  return filled_page(embedded::page_head_html(), [&](std::string_view part) -> std::string {
    if (part == "title") return html_escaped(title);
    if (part == "style") return std::string(style);
    throw internal_error("page_head.html names an unknown part '" + std::string(part) + "'");
  });
}

std::string plot_program(std::string_view own) { return std::string(embedded::page_js()) + std::string(own); }

}  // namespace hone::run
