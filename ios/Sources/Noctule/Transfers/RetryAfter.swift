import Foundation

/// Seconds that a `Retry-After` header asks to wait: a number, or a date (RFC 9110, section
/// 10.2.3); nil for what is neither. The library bounds it to a day.
func retryAfterSeconds(_ header: String?, now: Date = Date()) -> UInt64? {
    let text = (header ?? "").trimmingCharacters(in: .whitespaces)
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    if !text.isEmpty, text.utf8.allSatisfy(digits.contains) {
        return UInt64(text) ?? .max
    }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(secondsFromGMT: 0)
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    guard let date = format.date(from: text) else { return nil }
    return UInt64(exactly: max(date.timeIntervalSince(now), 0).rounded(.up))
}
