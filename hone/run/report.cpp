#include "hone/run/report.h"

#include <string_view>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::embedded {
// Defined by the build from the files of web/ and the chart library; see cmake/embed.cmake.
std::string_view report_html();
std::string_view report_css();
std::string_view report_data_js();
std::string_view report_plot_js();
std::string_view report_charts_js();
std::string_view report_effects_js();
std::string_view report_parallel_js();
std::string_view report_tables_js();
std::string_view report_js();
std::string_view chart_min_js();
}  // namespace hone::embedded

namespace hone::run {
namespace {

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

/// JSON that may stand inside a <script> element: '<', '>' and '&' only occur within JSON's strings, where
/// their \u form means the same, and without them no text can end the element or open a comment.
std::string embeddable(const Json& data) {
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

/// The text as valid UTF-8: JSON's writer replaces what is not, its reader gives the text back.
std::string valid_utf8(const std::string& text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

}  // namespace

std::string report_page(const Json& data) {
  if (!data.is_object()) throw Error("the report's data must be a JSON object");
  std::string title = "hone";
  if (const auto study = data.find("study"); study != data.end() && study->is_string())
    title = valid_utf8(study->get<std::string>());

  const auto part = [&](std::string_view name, std::string& page) {
    if (name == "title") {
      page += html_escaped(title);
    } else if (name == "data") {
      page += embeddable(data);
    } else if (name == "style") {
      page += embedded::report_css();
    } else if (name == "chart") {
      page += embedded::chart_min_js();
    } else if (name == "program") {
      for (const auto text :
           {embedded::report_data_js(), embedded::report_plot_js(), embedded::report_charts_js(),
            embedded::report_effects_js(), embedded::report_parallel_js(), embedded::report_tables_js(),
            embedded::report_js()})
        page += text;
    } else {
      throw internal_error(fmt::format("report.html names an unknown part '{}'", name));
    }
  };

  // One pass over the template: what is put in is never searched for placeholders.
  const std::string_view html = embedded::report_html();
  std::string page;
  std::size_t at = 0;
  for (;;) {
    const auto open = html.find("{{", at);
    page += html.substr(at, open - at);
    if (open == std::string_view::npos) return page;
    const auto close = html.find("}}", open);
    if (close == std::string_view::npos) throw internal_error("report.html has an open placeholder");
    part(html.substr(open + 2, close - open - 2), page);
    at = close + 2;
  }
}

}  // namespace hone::run
