import Foundation
import NoctuleBindings

/// What has to be known of a transfer when it ends, perhaps in another process than the one that
/// began it: goes along as the description of its task.
struct Parcel: Codable, Equatable {
    /// The library's name of the transfer.
    var id: String
    /// The file that is sent, which is removed behind it.
    var body: String?
    /// Where what is fetched goes, from which byte on, and how many.
    var destination: String?
    var offset: UInt64 = 0
    var lengthMax: UInt64 = 0

    /// Reads the description of a task; nil for a task of somebody else.
    init?(_ description: String?) {
        guard let description,
            let parcel = try? JSONDecoder().decode(Parcel.self, from: Data(description.utf8))
        else { return nil }
        self = parcel
    }

    init(_ request: UploadRequest, body: URL) {
        id = request.id
        self.body = body.path
    }

    init(_ request: FetchRequest) {
        id = request.id
        destination = request.destination
        offset = request.offset
        lengthMax = request.lengthMax
    }

    /// The description of its task.
    var description: String? {
        (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The byte behind the last that is wanted.
    var end: UInt64 {
        let (end, overflow) = offset.addingReportingOverflow(lengthMax)
        return overflow ? .max : end
    }

    /// Puts what came, in `file`, where the library looks for it: the body of a 206 from byte
    /// `offset` on, that of a 200 from the begin, nothing behind `end`, and nothing of another
    /// answer.
    func place(_ file: URL, status: Int) throws {
        guard let destination, let from = status == 206 ? offset : status == 200 ? 0 : nil else {
            return
        }
        let path = URL(fileURLWithPath: destination)
        if !FileManager.default.fileExists(atPath: destination) {
            try Data().write(to: path)
        }
        let source = try FileHandle(forReadingFrom: file)
        defer { try? source.close() }
        let target = try FileHandle(forWritingTo: path)
        defer { try? target.close() }
        // A gap would be zeroes that nobody sent.
        let begin = min(from, try target.seekToEnd())
        guard begin == from else { return }
        try target.truncate(atOffset: from)
        var left = end > from ? end - from : 0
        while left > 0, let part = try source.read(upToCount: Int(min(left, 1 << 16))),
            !part.isEmpty {
            try target.write(contentsOf: part)
            left -= UInt64(part.count)
        }
    }
}
