package app.noctule.android

import app.noctule.NoctuleError
import app.noctule.ProfileTest
import app.noctule.Tier
import app.noctule.World
import app.noctule.failedWith
import app.noctule.hide
import app.noctule.home
import java.io.File
import java.io.FileNotFoundException
import java.io.InputStream
import java.util.concurrent.CopyOnWriteArrayList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class StarterReleaseTest : ProfileTest() {
    /** Assets that lie in [folder], and the threads on which they were read. */
    private class FolderAssets(private val folder: File) : Assets {
        val readers = CopyOnWriteArrayList<Thread>()

        override fun names(): List<String> = folder.list().orEmpty().toList()

        override fun open(name: String): InputStream {
            readers += Thread.currentThread()
            return File(folder, name).inputStream()
        }
    }

    private fun host() = NoctuleHost { config() }

    @Test
    fun `the first slate comes from the assets without a network, and they are read once`() {
        val host = host()
        val assets = FolderAssets(World.starter)
        val caller = Thread.currentThread()
        assertTrue(wait { StarterRelease.install(host, scratch, assets).getOrThrow() })
        val slate = host.openedOrNull()!!.home()
        assertEquals(World.SLOTS, slate.items.size)
        assertEquals(Tier.BASELINE to "town-starter@2", slate.tier to slate.release)
        val read = assets.readers.toList()
        assertTrue(read.isNotEmpty() && caller !in read)
        assertFalse(wait { StarterRelease.install(host, scratch, assets).getOrThrow() })
        assertEquals(read, assets.readers.toList())
        assertEquals(listOf("profile"), scratch.list()!!.toList(), "the copy is gone")
        wait { host.close() }
    }

    @Test
    fun `the full release takes its place and the next night serves it`() {
        val host = host()
        wait { StarterRelease.install(host, scratch, FolderAssets(World.starter)).getOrThrow() }
        val noctule = host.openedOrNull()!!
        wait {
            noctule.installRelease(World.release).getOrThrow()
            noctule.runNight().getOrThrow()
        }
        val slate = noctule.home()
        assertEquals(Tier.FRESH to "town@1", slate.tier to slate.release)
        wait { host.close() }
    }

    @Test
    fun `assets that are missing or cannot be read are typed errors, and nothing is left`() {
        val host = host()
        val nothing = FolderAssets(File(scratch, "no-such-folder"))
        wait { StarterRelease.install(host, scratch, nothing) }
            .failedWith<NoctuleError.ReleaseRefused>()
        val broken = object : Assets {
            override fun names() = listOf("manifest.json")

            override fun open(name: String): InputStream = throw FileNotFoundException(name)
        }
        wait { StarterRelease.install(host, scratch, broken) }
            .failedWith<NoctuleError.InvalidInput>()
        assertEquals(listOf("profile"), scratch.list()!!.toList())
        wait { host.close() }
    }

    @Test
    fun `two accounts know nothing of each other, and a logout closes the first`() {
        var account = "one"
        val host = NoctuleHost { config(File(scratch, account)) }
        wait { StarterRelease.install(host, scratch, FolderAssets(World.starter)).getOrThrow() }
        val first = host.openedOrNull()!!
        val item = first.home().items.first().item
        wait { first.record(listOf(first.home().hide(first.home().items.first()))).getOrThrow() }
        val installation = wait { first.status().getOrThrow() }.installation
        wait { host.close() }
        first.recommend(World.SURFACE).failedWith<NoctuleError.Closed>()
        account = "two"
        wait { StarterRelease.install(host, scratch, FolderAssets(World.starter)).getOrThrow() }
        val second = host.openedOrNull()!!
        assertEquals(item, second.home().items.first().item)
        val status = wait { second.status().getOrThrow() }
        assertEquals(0uL, status.recorded)
        assertTrue(status.installation != installation)
        wait { host.close() }
    }
}
