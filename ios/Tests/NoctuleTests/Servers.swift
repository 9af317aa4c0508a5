import Foundation
#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The real collector, `noctule collect`, in a process of its own on loopback.
final class Collector {
    private let process = Process()
    private let output: URL

    /// Where it listens.
    let address: URL

    init(_ output: URL) throws {
        self.output = output
        process.executableURL = World.command
        process.arguments = [
            "collect", "--address", "127.0.0.1:0", "--output", output.path, "--app", World.app,
            "--flush-seconds", "1",
        ]
        let said = Pipe()
        process.standardOutput = said
        process.standardError = said
        // Threads of Swift's pool block signals, and a child inherits that: it could not be ended.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_UNBLOCK, &all, nil)
        try process.run()
        var text = ""
        var found: URL?
        while found == nil {
            let part = said.fileHandleForReading.availableData
            guard !part.isEmpty else { throw Failure(text: "the collector ended: \(text)") }
            text += String(decoding: part, as: UTF8.self)
            guard text.contains("listening on"), text.contains("\n") else { continue }
            let rest = text[(text.range(of: "http://")?.lowerBound ?? text.endIndex)...]
            found = URL(string: String(rest.prefix { !$0.isWhitespace && $0 != "," }))
        }
        address = found ?? URL(fileURLWithPath: "/nowhere")
        said.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
    }

    /// Ends it as a service is ended: everything acknowledged becomes Parquet.
    func end() {
        process.terminate()
        process.waitUntilExit()
    }

    /// Events that it stored, as `noctule audit` counts them.
    func events() throws -> Int? {
        let audit = Process()
        audit.executableURL = World.command
        audit.arguments = ["--json", "audit", output.path, "--app", World.app]
        let said = Pipe()
        audit.standardOutput = said
        try audit.run()
        let text = String(
            decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        guard let key = text.range(of: "\"events\"") else { return nil }
        let digits = text[key.upperBound...].drop { !$0.isNumber }.prefix { $0.isNumber }
        return Int(digits)
    }
}

struct Failure: Error {
    var text: String
}

/// A static file server with ranges, as stands before a repository of releases.
final class FileServer: @unchecked Sendable {
    // Sendable since `state` is touched only while `lock` is held.
    private let lock = NSLock()
    private var state = State()
    private let root: URL
    private let listener: Int32

    let port: UInt16

    struct State {
        /// What was asked for, with its range.
        var asked: [String] = []
        /// Answers are cut behind so many bytes when it is set, as on a bad network.
        var cutAfter: Int?
        /// A status other than 0 is given instead of the file, with these headers.
        var refuse = 0
        var headers: [String: String] = [:]
        /// Nobody is answered.
        var silent = false
    }

    var address: URL { URL(string: "http://127.0.0.1:\(port)") ?? root }
    var asked: [String] { lock.withLock { state.asked } }

    func set(_ change: (inout State) -> Void) {
        lock.withLock { change(&state) }
    }

    init(_ root: URL) throws {
        self.root = root
        #if canImport(Glibc)
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let bound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        port = UInt16(bigEndian: place.sin_port)
        guard bound else { throw Failure(text: "no socket: \(errno)") }
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                guard let self else {
                    close(client)
                    return
                }
                Thread.detachNewThread { self.serve(client) }
            }
        }
    }

    func end() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func serve(_ client: Int32) {
        defer { close(client) }
        guard let head = readHead(client) else { return }
        let lines = head.components(separatedBy: "\r\n")
        let path = lines[0].split(separator: " ").dropFirst().first.map { $0.dropFirst() } ?? ""
        let range = lines.first { $0.lowercased().hasPrefix("range:") }
            .map { $0.dropFirst(6).trimmingCharacters(in: .whitespaces) }
        let asked = [String(path), range].compactMap { $0 }.joined(separator: " ")
        let state = lock.withLock {
            self.state.asked.append(asked)
            return self.state
        }
        if state.silent {
            Thread.sleep(forTimeInterval: 5)
            return
        }
        let file = try? Data(contentsOf: root.appendingPathComponent(String(path)))
        guard state.refuse == 0, let file else {
            return answer(client, state.refuse == 0 ? 404 : state.refuse, state, Data(), 0)
        }
        let bounds = range?.replacingOccurrences(of: "bytes=", with: "").split(
            separator: "-", omittingEmptySubsequences: false)
        let from = bounds.flatMap { Int($0[0]) } ?? 0
        guard from < file.count || range == nil else {
            return answer(client, 416, state, Data(), 0)
        }
        let last = bounds.flatMap { Int($0[1]) } ?? file.count - 1
        let part = file.subdata(in: from..<min(last + 1, file.count))
        let sent = part.prefix(state.cutAfter ?? part.count)
        answer(client, range == nil ? 200 : 206, state, sent, part.count)
    }

    private func readHead(_ client: Int32) -> String? {
        var head = Data()
        while head.range(of: Data("\r\n\r\n".utf8)) == nil {
            var part = [UInt8](repeating: 0, count: 4_096)
            let count = recv(client, &part, part.count, 0)
            guard count > 0, head.count < 1 << 20 else { return nil }
            head.append(contentsOf: part[..<count])
        }
        readBody(client, head)
        return String(decoding: head, as: UTF8.self)
    }

    /// Reads what belongs to `head`: Foundation on Linux ends the process when an answer comes
    /// before it has sent all (`try!` around `curl_easy_pause`).
    private func readBody(_ client: Int32, _ head: Data) {
        guard let end = head.range(of: Data("\r\n\r\n".utf8)) else { return }
        let lines = String(decoding: head, as: UTF8.self).lowercased().split(separator: "\r\n")
        let length = lines.first { $0.hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
        var left = length - (head.count - end.upperBound)
        var part = [UInt8](repeating: 0, count: 4_096)
        while left > 0 {
            let count = recv(client, &part, part.count, 0)
            guard count > 0 else { return }
            left -= count
        }
    }

    private func answer(
        _ client: Int32,
        _ status: Int,
        _ state: State,
        _ body: Data,
        _ length: Int
    ) {
        var head = "HTTP/1.1 \(status) x\r\nContent-Length: \(length)\r\nConnection: close\r\n"
        for (name, value) in state.headers { head += "\(name): \(value)\r\n" }
        let all = [UInt8](Data((head + "\r\n").utf8) + body)
        var sent = 0
        while sent < all.count {
            let count = all[sent...].withUnsafeBytes {
                send(client, $0.baseAddress, $0.count, sendFlags)
            }
            guard count > 0 else { return }
            sent += count
        }
    }
}

// Who has gone away must not end the tests.
#if canImport(Glibc)
private let sendFlags = Int32(MSG_NOSIGNAL)
#else
private let sendFlags: Int32 = 0
#endif
