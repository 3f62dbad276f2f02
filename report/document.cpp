#include "report/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "core/error.h"

namespace larmor::report {

namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";

/// Bytes of the well-formed UTF-8 character at the start of `text`; 0 where there is none (overlong forms and surrogates included).
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t length = byte(0) < 0x80 ? 1 : byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) >= 0x80 && (byte(0) < 0xC2 || byte(0) > 0xF4)) return 0;
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool is_overlong = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90);
  const bool is_outside = (byte(0) == 0xED && byte(1) > 0x9F) || (byte(0) == 0xF4 && byte(1) > 0x8F);
  return is_overlong || is_outside ? 0 : length;
}

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// ------------------------------------------------------------------ HTML

constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--faint:#6a6a6a;--line:#d0d0d0;--warn:#7a3e00;--warn-paper:#fff1dc}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#161616;--faint:#9c9c9c;--line:#3d3d3d;--warn:#ffd59b;--warn-paper:#3a2604}}
body{color:var(--ink);background:var(--paper);font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid var(--line)}
.banner{color:var(--warn);background:var(--warn-paper);border:2px solid;padding:.6rem 1rem;font-weight:700}
.headline b{font-size:2rem;display:block}.headline{margin:1rem 0}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}caption{text-align:left;color:var(--faint);padding:.3rem 0}
th,td{padding:.25rem .7rem .25rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
.n{text-align:right;font-variant-numeric:tabular-nums}.faint,figcaption{color:var(--faint)}.strong{font-weight:700}
pre{overflow-x:auto;border:1px solid var(--line);padding:.6rem;font-size:.85rem}
figure{margin:1rem 0}figure svg{width:100%;height:auto}.pictures{display:flex;flex-wrap:wrap;gap:1rem}.pictures figure{flex:1 1 14rem;max-width:24rem;margin:0}
.pictures img{width:100%;image-rendering:pixelated}.swatch{display:inline-block;width:.8em;height:.8em;border:1px solid var(--faint);margin:0 .3em 0 1em}
summary{cursor:pointer}
@media print{body{max-width:none;font-size:10pt}.wide{overflow:visible}pre{white-space:pre-wrap}figure,tr{break-inside:avoid}}
)css";

const char* class_of(Emphasis emphasis) { return emphasis == Emphasis::strong ? " strong" : emphasis == Emphasis::faint ? " faint" : ""; }

std::string html_cell(const char* tag, const Column& column, const std::string& text, Emphasis emphasis) {
  const std::string classes = std::string(column.is_number ? "n" : "") + class_of(emphasis);
  const std::string attribute = classes.empty() ? "" : fmt::format(" class=\"{}\"", classes);
  return fmt::format("<{0}{1}>{2}</{0}>", tag, attribute, escape_html(text));
}

struct HtmlWriter {
  std::string operator()(const Heading& block) const { return "<h2>" + escape_html(block.text) + "</h2>\n"; }
  std::string operator()(const Paragraph& block) const { return "<p>" + escape_html(block.text) + "</p>\n"; }
  std::string operator()(const Banner& block) const { return "<p class=\"banner\">" + escape_html(block.text) + "</p>\n"; }
  std::string operator()(const Headline& block) const {
    return fmt::format("<p class=\"headline\"><b>{}</b>{}</p>\n", escape_html(block.value), escape_html(block.meaning));
  }
  std::string operator()(const Code& block) const { return "<pre>" + escape_html(block.text) + "</pre>\n"; }

  std::string operator()(const Table& block) const {
    std::string html = "<div class=\"wide\"><table>\n";
    if (!block.caption.empty()) html += "<caption>" + escape_html(block.caption) + "</caption>\n";
    html += "<thead><tr>";
    for (const Column& column : block.columns) html += html_cell("th", column, column.name, Emphasis::none);
    html += "</tr></thead>\n<tbody>\n";
    for (const std::vector<Cell>& row : block.rows) {
      LARMOR_ASSERT(row.size() == block.columns.size());
      html += "<tr>";
      for (size_t i = 0; i < row.size(); ++i) html += html_cell("td", block.columns[i], row[i].text, row[i].emphasis);
      html += "</tr>\n";
    }
    html += "</tbody></table></div>\n";
    if (block.folded_under.empty()) return html;
    return fmt::format("<details><summary>{}</summary>\n{}</details>\n", escape_html(block.folded_under), html);
  }

  std::string operator()(const Chart& block) const {
    if (block.svg.empty()) return "";
    return fmt::format("<figure>{}<figcaption>{}</figcaption></figure>\n", block.svg, escape_html(block.caption));
  }

  std::string operator()(const Pictures& block) const {
    std::string html = "<div class=\"pictures\">\n";
    for (const Picture& picture : block.pictures) {
      const std::string caption = escape_html(picture.caption);
      html += fmt::format("<figure><img alt=\"{0}\" src=\"data:image/png;base64,{1}\"><figcaption>{0}</figcaption></figure>\n", caption,
                          base64(picture.png));
    }
    html += "</div>\n<p>";
    for (const LegendEntry& entry : block.legend) {
      html +=
          fmt::format("<span class=\"swatch\" style=\"background:{}\"></span>{}", escape_html(entry.colour), escape_html(entry.meaning));
    }
    return html + "</p>\n";
  }
};

// ------------------------------------------------------------------ Markdown

std::string markdown_cell(const Cell& cell) {
  std::string text = escape_markdown(cell.text);
  if (text.empty() || cell.emphasis == Emphasis::none) return text;
  return cell.emphasis == Emphasis::strong ? "**" + text + "**" : "*" + text + "*";
}

/// A fence that no line of the text can close.
std::string fence_of(const std::string& text) {
  size_t longest = 0, run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return std::string(std::max<size_t>(longest + 1, 3), '`');
}

struct MarkdownWriter {
  std::string operator()(const Heading& block) const { return "## " + escape_markdown(block.text) + "\n\n"; }
  std::string operator()(const Paragraph& block) const { return escape_markdown(block.text) + "\n\n"; }
  std::string operator()(const Banner& block) const { return "> **" + escape_markdown(block.text) + "**\n\n"; }
  std::string operator()(const Headline& block) const {
    return fmt::format("**{}** — {}\n\n", escape_markdown(block.value), escape_markdown(block.meaning));
  }
  std::string operator()(const Chart&) const { return ""; }

  std::string operator()(const Code& block) const {
    std::string text = clean_text(block.text);
    if (!text.ends_with('\n')) text += '\n';
    const std::string fence = fence_of(text);
    return fence + "\n" + text + fence + "\n\n";
  }

  std::string operator()(const Table& block) const {
    std::string text = block.caption.empty() ? "" : escape_markdown(block.caption) + "\n\n";
    std::string rule = "|";
    text += "|";
    for (const Column& column : block.columns) {
      text += " " + escape_markdown(column.name) + " |";
      rule += column.is_number ? "---:|" : "---|";
    }
    text += "\n" + rule + "\n";
    for (const std::vector<Cell>& row : block.rows) {
      LARMOR_ASSERT(row.size() == block.columns.size());
      text += "|";
      for (const Cell& cell : row) text += " " + markdown_cell(cell) + " |";
      text += "\n";
    }
    text += "\n";
    if (block.folded_under.empty()) return text;
    return fmt::format("<details><summary>{}</summary>\n\n{}</details>\n\n", one_line(escape_html(block.folded_under)), text);
  }

  std::string operator()(const Pictures& block) const {
    std::string text;
    for (const Picture& picture : block.pictures) {
      const std::string caption = escape_markdown(picture.caption);
      text += fmt::format("![{}](<{}>)\n{}\n\n", caption, link_target(picture.file), caption);
    }
    std::string legend;
    for (const LegendEntry& entry : block.legend) {
      legend += fmt::format("{}{}: {}", legend.empty() ? "" : ", ", escape_markdown(entry.colour_name), escape_markdown(entry.meaning));
    }
    return legend.empty() ? text : text + legend + ".\n\n";
  }

  static std::string link_target(const std::string& file) {
    std::string target;
    for (const char c : clean_text(file)) {
      if (c == '<' || c == '>' || c == '\\' || c == '\n') {
        target += fmt::format("%{:02X}", static_cast<unsigned char>(c));
      } else {
        target += c;
      }
    }
    return target;
  }
};

}  // namespace

std::string clean_text(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const size_t length = character_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool is_control = length == 1 && (first < 0x20 || first == 0x7F) && first != '\n';
    if (first == '\t') {
      clean += ' ';
    } else if (length == 0 || is_control) {
      clean += kReplacement;
    } else {
      clean += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return clean;
}

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : clean_text(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string escape_markdown(std::string_view text) {
  const std::string clean = clean_text(text);
  std::string escaped;
  for (size_t i = 0; i < clean.size(); ++i) {
    const char c = clean[i];
    // An underscore inside a word starts nothing, and TCGA_CS_4944 stays readable.
    const bool is_inside_word = i > 0 && i + 1 < clean.size() && is_word(clean[i - 1]) && is_word(clean[i + 1]);
    const bool is_special = std::string_view("\\`*[]<>|&~#").find(c) != std::string_view::npos || (c == '_' && !is_inside_word);
    if (c == '\n') {
      escaped += ' ';
    } else {
      if (is_special) escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j) text += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

std::string to_html(const Document& document) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // Nothing in the page may run or load anything, should an unescaped sign ever slip through.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n";
  const std::string title = escape_html(document.title);
  html += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n", title, kStyle, title);
  for (const Block& block : document.blocks) html += std::visit(HtmlWriter{}, block);
  return html + "</body>\n</html>\n";
}

std::string to_markdown(const Document& document) {
  std::string text = "# " + escape_markdown(document.title) + "\n\n";
  for (const Block& block : document.blocks) text += std::visit(MarkdownWriter{}, block);
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace larmor::report
